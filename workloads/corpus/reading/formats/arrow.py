"""Arrow IPC: a row is a record. A file with a footer is read by several tasks, batch by batch; a stream by one."""

from collections.abc import Iterator, Sequence
from io import IOBase
from typing import ClassVar, Literal, cast

import pyarrow as pa

from cluster import storage
from cluster.storage import Location
from workloads.corpus.reading.columns import rows, unusable
from workloads.corpus.reading.format import Block, Format
from workloads.corpus.reading.formats.delimited import NO_COLUMN
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData, Record
from workloads.corpus.reading.source import Source

_MAGIC = b"ARROW1"


class Arrow(Format):
    """Position: the row's number; a damaged file gives one problem where reading ended."""

    name, endings = "arrow", ("arrow", "arrows", "feather", "ipc")
    splittable: ClassVar[Literal["", "lines", "blocks"]] = "blocks"

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        if piece.file.size == 0:
            return
        number = piece.first - 1
        try:
            for batch in _batches(source, piece, limits):
                problem = unusable(batch.schema, piece.file.text_field)
                if problem:
                    yield Record(0, f"{piece.file.name}: {problem}", problem=NO_COLUMN)
                    return
                batch.validate(full=True)
                for record in rows(batch, number + 1, piece.file):
                    number = record.position
                    yield record
        except (pa.ArrowException, OSError, ValueError) as error:
            yield Record(number + 1, str(error), problem="unreadable arrow")

    def blocks(self, place: Location) -> Sequence[Block]:
        try:
            with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
                if bytes(stream.read(len(_MAGIC))) != _MAGIC:
                    return ()
                one_column = pa.ipc.IpcReadOptions(included_fields=[0])  # enough to know the rows
                file = pa.ipc.open_file(stream, options=one_column)
                count = file.num_record_batches
                return [Block(stream.size() // count, file.get_batch(index).num_rows) for index in range(count)]
        except (pa.ArrowException, ValueError):
            return ()


def _batches(source: Source, piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
    if source.head(len(_MAGIC)) != _MAGIC:
        yield from pa.ipc.open_stream(pa.PythonFile(cast(IOBase, _Exact(source, limits.document)), mode="r"))
        return
    file = pa.ipc.open_file(cast(IOBase, source.seekable(limits.document)))
    for index in range(piece.start, piece.stop or file.num_record_batches):
        yield file.get_batch(index)


class _Exact:
    """A source as the file object that Arrow wants: as many bytes as are asked for, unless it ends or that is too much."""

    closed = False

    def __init__(self, source: Source, limit: int) -> None:
        self._source, self._limit = source, limit

    def read(self, size: int) -> bytes:
        if size > self._limit:
            raise BadData("too large", f"a batch of {size} bytes")
        blocks: list[bytes] = []
        while size > 0 and (block := self._source.read(size)):
            blocks.append(block)
            size -= len(block)
        return b"".join(blocks)

    def close(self) -> None:
        """The place is closed by whoever opened it."""
