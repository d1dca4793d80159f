"""Arrow IPC: a row is a record. A file with a footer is read by several tasks, batch by batch; a stream by one."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import pyarrow as pa

from cluster import storage
from cluster.storage import Location
from workloads.corpus.reading.columns import rows, unusable
from workloads.corpus.reading.format import Block, Format
from workloads.corpus.reading.formats.delimited import NO_COLUMN
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import Record
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
                file = pa.ipc.open_file(stream)
                batches = [file.get_batch(index) for index in range(file.num_record_batches)]
                return [Block(batch.nbytes, batch.num_rows) for batch in batches]
        except (pa.ArrowException, ValueError):
            return ()


def _batches(source: Source, piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
    if source.head(len(_MAGIC)) != _MAGIC:
        yield from pa.ipc.open_stream(pa.PythonFile(source, mode="r"))
        return
    file = pa.ipc.open_file(source.seekable(limits.document))
    for index in range(piece.start, piece.stop or file.num_record_batches):
        yield file.get_batch(index)
