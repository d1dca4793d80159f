"""Packed bytes to plain ones, step by step in bounded memory: gz, zst, bz2, xz. Damage becomes BadData after the good bytes."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import zstandard

from workloads.corpus.reading.record import BadData
from workloads.corpus.reading.source import BLOCK, Readable

DAMAGED = "compressed data damaged"
_XZ_MEMORY = 256 << 20  # bytes; a stream made with the strongest preset needs 65 MiB
_FEED = 64 << 10
_ZST_FEED = 256  # zst can blow 4 bytes up to 128 KiB and takes no bound, so this bounds what comes out to 8 MiB
_ZLIB_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
_ERRORS = (EOFError, zlib.error, OSError, lzma.LZMAError, zstandard.ZstdError, MemoryError)


class _Member(Protocol):
    """One packed stream of which a file may hold several, one after the other."""

    eof: bool

    def step(self, data: bytes) -> bytes: ...

    def rest(self) -> bytes: ...

    def hungry(self) -> bool: ...


class _Zlib:
    def __init__(self) -> None:
        self._object = zlib.decompressobj(_ZLIB_WITH_GZIP_HEADER)
        self._waiting = b""
        self.eof = False

    def step(self, data: bytes) -> bytes:
        out = self._object.decompress(self._waiting + data, BLOCK)
        self._waiting, self.eof = self._object.unconsumed_tail, self._object.eof
        return out

    def rest(self) -> bytes:
        return self._object.unused_data

    def hungry(self) -> bool:
        return not self._waiting


class _Standard:
    """bz2 and lzma have one interface."""

    def __init__(self, made: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._object = made
        self.eof = False

    def step(self, data: bytes) -> bytes:
        out = self._object.decompress(data, BLOCK)
        self.eof = self._object.eof
        return out

    def rest(self) -> bytes:
        return self._object.unused_data.lstrip(b"\0")  # xz may be padded

    def hungry(self) -> bool:
        return self._object.needs_input


class _Zst:
    def __init__(self) -> None:
        self._object = zstandard.ZstdDecompressor().decompressobj()
        self.eof = False

    def step(self, data: bytes) -> bytes:
        out = self._object.decompress(data)
        self.eof = self._object.eof
        return out

    def rest(self) -> bytes:
        return self._object.unused_data

    def hungry(self) -> bool:
        return True


UNPACKERS: Mapping[str, Callable[[], _Member]] = {
    "gz": _Zlib,
    "zst": _Zst,
    "bz2": lambda: _Standard(bz2.BZ2Decompressor()),
    "xz": lambda: _Standard(lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
}


class Unpacked:
    """The plain bytes of a packed stream, member after member. A member that ends early raises BadData, unlike in the
    readers of some libraries."""

    def __init__(self, raw: Readable, compression: str) -> None:
        self._raw, self._new = raw, UNPACKERS[compression]
        self._feed_size = _ZST_FEED if compression == "zst" else _FEED
        self._fed, self._member = b"", None  # type: bytes, _Member | None

    def read(self, size: int = -1, /) -> bytes:
        while True:
            feed = b""
            if self._member is None or self._member.hungry():
                feed = self._fed or self._raw.read(self._feed_size)
                self._fed = b""
                if not feed:
                    return self._end()
            data = self._step(feed)
            if data:
                return data

    def _end(self) -> bytes:
        if self._member is not None:
            raise BadData(DAMAGED, "the data ends before its end mark")
        return b""

    def _step(self, feed: bytes) -> bytes:
        self._member = self._member or self._new()
        try:
            data = self._member.step(feed)
        except _ERRORS as error:
            raise BadData(DAMAGED, str(error)) from error
        if self._member.eof:
            self._fed, self._member = self._member.rest() + self._fed, None
        return data
