"""Parquet: a row is a record; a large file is read by several tasks, row group by row group."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from cluster import storage
from cluster.storage import Location
from workloads.corpus.reading.columns import rows, unusable, wanted
from workloads.corpus.reading.format import Block, Format
from workloads.corpus.reading.formats.delimited import NO_COLUMN
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import Record
from workloads.corpus.reading.source import Source

_ROWS_AT_ONCE = 512


class Parquet(Format):
    """Position: the row's number; a damaged file gives one problem where reading ended."""

    name, endings = "parquet", ("parquet",)
    splittable: ClassVar[Literal["", "lines", "blocks"]] = "blocks"

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        if piece.file.size == 0:
            return
        number = piece.first - 1
        try:
            file = pq.ParquetFile(source.seekable(limits.document))
            problem = unusable(file.schema_arrow, piece.file.text_field)
            if problem:
                yield Record(0, f"{piece.file.name}: {problem}", problem=NO_COLUMN)
                return
            groups = list(range(piece.start, piece.stop)) if piece.stop else None
            columns = [each for each in wanted(piece.file) if each in file.schema_arrow.names]
            for batch in file.iter_batches(_ROWS_AT_ONCE, groups, columns):
                for record in rows(batch, number + 1, piece.file):
                    number = record.position
                    yield record
        except (pa.ArrowException, OSError, ValueError) as error:
            yield Record(number + 1, str(error), problem="unreadable parquet")

    def blocks(self, place: Location) -> Sequence[Block]:
        try:
            with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
                metadata = pq.read_metadata(stream)
        except (pa.ArrowException, ValueError):
            return ()
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        return [Block(group.total_byte_size, group.num_rows) for group in groups]
