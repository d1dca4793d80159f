"""Arrow IPC: a row is a record. A file with a footer is read by several tasks, batch by batch; a stream by one."""

from collections.abc import Iterator, Sequence
from io import IOBase
from typing import cast

import pyarrow as pa

from cluster import storage
from cluster.storage import Location
from workloads.corpus.reading.columns import Columns, require_text
from workloads.corpus.reading.format import Block
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData
from workloads.corpus.reading.source import Source

_MAGIC = b"ARROW1"


class Arrow(Columns):
    name, endings = "arrow", ("arrow", "arrows", "feather", "ipc")

    def batches(self, source: Source, piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
        for batch in _batches(source, piece, limits):
            require_text(batch.schema, piece.file.text_field)
            batch.validate(full=True)
            yield batch

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
