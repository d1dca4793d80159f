"""Bytes of a file, and lines of bytes, in bounded memory: plain, gz or zst, whole or one range of a plain file."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import zstandard

from cluster import storage
from cluster.storage import Location
from workloads.corpus.files import Compression

BLOCK = 1 << 20
_ZST_FEED = 4 << 10  # bytes fed at a time: zst can blow each up to 128 KiB per 4 bytes, so this bounds what comes out


class CutShort(Exception):
    """The compressed data is damaged or ends early; what came before it was good. `rest`: the line that it cut."""

    def __init__(self, why: str, rest: bytes = b"") -> None:
        super().__init__(why)
        self.rest = rest


class Readable(Protocol):
    """What the readers ask of a stream."""

    def read(self, size: int = -1, /) -> bytes: ...


@contextmanager
def open_stream(file: Location, compression: Compression, start: int = 0) -> Iterator[Readable]:
    """The decompressed bytes from `start` on (plain files only). Reading may raise CutShort."""
    with storage.plain_errors("reading", file):
        if not compression:
            with file.filesystem.open_input_file(file.path) as plain:
                plain.seek(start)
                yield plain
            return
        with file.filesystem.open_input_stream(file.path, compression=None) as raw:
            yield _Gz(raw) if compression == "gz" else _Zst(raw)


class _Gz:
    def __init__(self, raw: Readable) -> None:
        self._file = gzip.GzipFile(fileobj=raw)  # type: ignore[call-overload]

    def read(self, size: int = -1, /) -> bytes:
        try:
            return bytes(self._file.read1(size))  # one step, so that an error takes nothing with it
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CutShort(str(error)) from error


class _Zst:
    """Frame after frame; unlike zstandard's own reader it tells a frame that ends early from a whole one."""

    def __init__(self, raw: Readable) -> None:
        self._raw, self._fed = raw, b""
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def read(self, size: int = -1, /) -> bytes:
        while True:
            feed = self._fed or self._raw.read(_ZST_FEED)
            self._fed = b""
            if not feed:
                if self._frame is not None:
                    raise CutShort("the last frame is not complete")
                return b""
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                data = self._frame.decompress(feed)
            except zstandard.ZstdError as error:
                raise CutShort(str(error)) from error
            if self._frame.eof:
                self._fed, self._frame = self._frame.unused_data, None
            if data:
                return data


def read_lines(stream: Readable, limit: int, length: int | None = None) -> Iterator[bytes | None]:
    """Each line without its newline; None for one longer than `limit` bytes, which is passed over block by block.
    Ends after `length` bytes where given. Raises CutShort after the last whole line of damaged data.
    """
    held: list[bytes] = []  # of the line that the block before did not end
    size, left = 0, length
    while block := _next_block(stream, left, held):
        left = None if left is None else left - len(block)
        *ended, rest = block.split(b"\n")
        for piece in ended:
            size += len(piece)
            yield None if size > limit else b"".join([*held, piece])
            held, size = [], 0
        size += len(rest)
        held = [*held, rest] if size <= limit else []
    if size:
        yield None if size > limit else b"".join(held)


def _next_block(stream: Readable, left: int | None, held: list[bytes]) -> bytes:
    if left is not None and left <= 0:
        return b""
    try:
        return stream.read(BLOCK if left is None else min(BLOCK, left))
    except CutShort as cut:
        raise CutShort(str(cut), b"".join(held)[:BLOCK]) from cut
