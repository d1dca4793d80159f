"""Parquet: a row is a record; a large file is read by several tasks, row group by row group."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from cluster import storage
from cluster.storage import Location
from workloads.corpus.reading.columns import Columns, require_text, wanted
from workloads.corpus.reading.format import Block
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.source import Source

_ROWS_AT_ONCE = 512


class Parquet(Columns):
    name, endings = "parquet", ("parquet",)

    def batches(self, source: Source, piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
        file = pq.ParquetFile(source.seekable(limits.document))
        require_text(file.schema_arrow, piece.file.text_field)
        groups = list(range(piece.start, piece.stop)) if piece.stop else None
        columns = [each for each in wanted(piece.file) if each in file.schema_arrow.names]
        yield from file.iter_batches(_ROWS_AT_ONCE, groups, columns)

    def blocks(self, place: Location) -> Sequence[Block]:
        try:
            with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
                metadata = pq.read_metadata(stream)
        except (pa.ArrowException, ValueError):
            return ()
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        return [Block(group.total_byte_size, group.num_rows) for group in groups]
