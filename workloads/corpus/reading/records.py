"""A piece of input to its records: the place opened, the packing undone, the members found, the format asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, cast

from cluster import storage
from workloads.corpus.reading.archives import Member, open_members
from workloads.corpus.reading.names import tell
from workloads.corpus.reading.piece import InputFile, Limits, Piece
from workloads.corpus.reading.record import BadData, Record
from workloads.corpus.reading.registry import FORMATS
from workloads.corpus.reading.source import Readable, Source
from workloads.corpus.reading.streams import Unpacked

__all__ = ["Found", "Record", "Watch", "read_records"]

Watch = Callable[[Readable], Readable]


@dataclass(frozen=True, slots=True)
class Found:
    """A record, the file or member it is in, and its place among all records of the input file."""

    file: InputFile
    row: int
    record: Record


def read_records(piece: Piece, limits: Limits, watch: Watch = lambda stream: stream) -> Iterator[Found]:
    """Every record of the piece in order; a file or member that holds none gives one bad record. `watch` is given the bytes
    as they lie there, where they are read from front to back, and may look at them on their way."""
    with _open(piece, watch) as source:
        if piece.file.archive:
            yield from _archive(source, piece, limits)
            return
        for record in _of_file(source, piece, limits):
            yield Found(piece.file, record.position, record)


@contextmanager
def _open(piece: Piece, watch: Watch) -> Iterator[Source]:
    place, file = storage.locate(piece.file.uri), piece.file
    with storage.plain_errors("reading", place):
        if file.compression:
            with place.filesystem.open_input_stream(place.path, compression=None) as raw:
                yield Source(Unpacked(watch(raw), file.compression))
            return
        with place.filesystem.open_input_file(place.path) as plain:
            if piece.stop and not file.archive and FORMATS[file.format].splittable == "lines":
                plain.seek(piece.start)
            yield Source(watch(plain), file=cast(IO[bytes], plain))


def _of_file(source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
    position, none = piece.first - 1, True
    try:
        for record in FORMATS[piece.file.format].read(source, piece, limits):
            position, none = record.position, False
            yield record
        if none and not piece.start:
            yield Record(0, piece.file.name, problem="empty file")
    except BadData as bad:
        yield bad.record(position + 1)


def _archive(source: Source, piece: Piece, limits: Limits) -> Iterator[Found]:
    """Rows are counted through all members, from where the plan says that this part begins."""
    passed: list[str] = []
    row = piece.first
    try:
        for member in open_members(source, piece, limits.document):
            file = _member_file(piece.file, member.name)
            if member.problem:
                yield Found(piece.file, row, Record(0, member.name, problem=member.problem))
            elif file is None:
                passed.append(member.name)
            else:
                for last, record in enumerate(_of_member(member, Piece(file, piece.index), limits), row):
                    yield Found(file, last, record)
                    row = last
            row += 1
    except BadData as bad:
        yield Found(piece.file, row, replace(bad.record(0), text=bad.why))
        row += 1
    if not passed and row == piece.first and not piece.stop:
        yield Found(piece.file, row, Record(0, piece.file.name, problem="empty file"))
    if passed:
        yield Found(piece.file, piece.first - 1, Record(0, _passed_over(passed), problem="members passed over"))


def _of_member(member: Member, piece: Piece, limits: Limits) -> Iterator[Record]:
    inner: Readable = Source(member.stream, limits.member)
    if piece.file.compression:
        inner = Unpacked(inner, piece.file.compression)
    return _of_file(Source(inner, limits.member), piece, limits)


def _passed_over(names: list[str]) -> str:
    return f"{len(names)} members are of no format that is read, the first: {names[0]}"


def _member_file(archive: InputFile, name: str) -> InputFile | None:
    """The member as a file of its own; None where it is not to be read."""
    parts = name.replace("\\", "/").split("/")
    if any(part.startswith((".", "_")) for part in parts):
        return None
    told = tell(parts[-1])
    form = archive.format or told.format
    if form not in FORMATS or (told.archive and not archive.format):
        return None
    folder = parts[-2] if len(parts) > 1 else archive.source
    source = archive.source if archive.fixed_source else folder if FORMATS[form].one_document else told.stem
    return replace(archive, name=f"{archive.name}/{name}", format=form, compression=told.compression, archive="", source=source)
