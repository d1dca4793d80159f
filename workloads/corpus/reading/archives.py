"""Members of zip and tar archives, read where they lie: nothing is ever written to a disk, and no member may be endless."""

import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from typing import IO, Self, cast

from cluster import storage
from workloads.corpus.reading import encoding
from workloads.corpus.reading.format import Block
from workloads.corpus.reading.piece import InputFile, Piece
from workloads.corpus.reading.record import BadData
from workloads.corpus.reading.source import Readable, Source
from workloads.corpus.reading.streams import UNPACKERS

ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
_ENCRYPTED, _UTF8_NAME = 0x1, 0x800  # flag bits of a zip member
_PROBLEMS = 3  # that a member may have beside its records, each of which takes a byte at least
_LONGEST_HEADER = 1 << 20  # bytes of a long name or other record that tar keeps in memory
_TAR_RECORDS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


@dataclass(frozen=True)
class Member:
    """A file in an archive. `stream` is to be read before the next member is asked for. `problem`: why it is not read."""

    name: str
    stream: Readable
    problem: str = ""


def open_members(source: Source, piece: Piece, limit: int) -> Iterator[Member]:
    """The files of the archive in its own order, or of the part of it. Raises BadData where the archive is damaged; `limit`:
    bytes of a zip archive that must be held in memory since it is packed once more."""
    if piece.file.archive == "zip":
        with _open_zip(source.seekable(limit)) as archive:
            yield from _zip(archive, piece)
    else:
        yield from _tar(source)


def member_parts(file: InputFile) -> Sequence[Block]:
    """For the plan: of each member of a zip archive its bytes and the most records that it can hold. None where that is not
    known: a tar archive has no list of its members, and a packed member may hold any number."""
    if file.archive != "zip":
        return ()
    place = storage.locate(file.uri)
    try:
        with (
            storage.plain_errors("reading", place),
            place.filesystem.open_input_file(place.path) as stream,
            _open_zip(cast(IO[bytes], stream)) as archive,
        ):
            infos = archive.infolist()
            packed = any(info.filename.lower().endswith(tuple(f".{ending}" for ending in UNPACKERS)) for info in infos)
            return [] if packed else [Block(info.compress_size, info.file_size + _PROBLEMS) for info in infos]
    except BadData:  # the reader says so in the quarantine
        return ()


@contextmanager
def _open_zip(stream: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(stream)
    except ZIP_ERRORS as error:
        raise BadData("unreadable archive", str(error)) from error
    with archive:
        yield archive


def _zip(archive: zipfile.ZipFile, piece: Piece) -> Iterator[Member]:
    infos = archive.infolist()
    names = _told_apart([_zip_name(info) for info in infos])
    for info, name in list(zip(infos, names, strict=True))[piece.start : piece.stop or None]:
        if not info.is_dir():
            problem = "encrypted" if info.flag_bits & _ENCRYPTED else _trick(name)
            yield Member(name, _ZipStream(archive, info), problem)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Names without the mark of UTF-8 are in the encoding of the machine that packed them."""
    if info.flag_bits & _UTF8_NAME or info.filename.isascii():
        return info.filename
    raw = info.filename.encode("cp437", "replace")
    return raw.decode(encoding.detect(raw), "replace")


class _ZipStream:
    """Opened when it is first read; every way in which a member is bad becomes BadData."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._archive, self._info = archive, info
        self._file: IO[bytes] | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            if self._file is None:
                self._file = self._archive.open(self._info)
            return self._file.read(size)
        except ZIP_ERRORS as error:
            raise BadData("damaged member", str(error)) from error


class _Header(tarfile.TarInfo):
    """Refuses records that would be held in memory whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _TAR_RECORDS and info.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header record of {info.size} bytes")
        return info


def _tar(source: Source) -> Iterator[Member]:
    seen: Counter[str] = Counter()
    try:
        with tarfile.open(fileobj=cast(IO[bytes], source), mode="r|", tarinfo=_Header) as archive:
            for info in archive:
                if info.isreg() and (file := archive.extractfile(info)):
                    seen[info.name] += 1
                    name = _numbered(info.name, seen[info.name])
                    yield Member(name, _TarStream(file), _trick(name))
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise BadData("unreadable archive", str(error)) from error


class _TarStream:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._file.read(size)
        except (tarfile.TarError, EOFError) as error:
            raise BadData("damaged member", str(error)) from error


def _trick(name: str) -> str:
    """Names that point out of the archive, or that a report could not show."""
    parts = name.replace("\\", "/").split("/")
    bad = not name.isprintable() or name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":")
    return "unsafe member name" if bad else ""


def _told_apart(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    told: list[str] = []
    for name in names:
        seen[name] += 1
        told.append(_numbered(name, seen[name]))
    return told


def _numbered(name: str, count: int) -> str:
    """A second member of the same name gets its number before the ending."""
    if count == 1:
        return name
    folder, _, last = name.rpartition("/")
    stem, dot, ending = last.partition(".")
    return f"{folder}/{stem}#{count}{dot}{ending}" if folder else f"{stem}#{count}{dot}{ending}"
