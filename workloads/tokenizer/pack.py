"""Pack token sequences back to back into fixed-length rows: Arrow shards, and which documents each row came from.

Sequences go in in order; so the rows depend on the documents alone. Not for encoding: see encode.py.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cluster.storage import Location, open_output
from workloads.tokenizer.encoding import TokenType

Ids = NDArray[np.unsignedinteger[Any]]  # uint16 or uint32

_SHARD_BYTES = 64 << 20
_PADDING = 0


class RowPacker:
    """Writes one split below `location`: `<split>/shard-00000.arrow` ... and `lineage/<split>-00000.parquet` ...

    A shard is an Arrow IPC file of one record batch with the column `tokens`, FixedSizeList[sequence_length], not compressed
    so that it can be memory-mapped. Memory: about two shards. `rows_per_shard` 0: as many as fit 64 MiB.
    """

    def __init__(self, location: Location, split: str, sequence_length: int, dtype: TokenType, rows_per_shard: int = 0) -> None:
        self._location, self._split, self._length = location, split, sequence_length
        rows_per_shard = rows_per_shard or max(1, _SHARD_BYTES // (sequence_length * dtype.itemsize))
        self._shard_tokens = rows_per_shard * sequence_length
        self._chunks: list[Ids] = []
        self._buffered = 0
        self._ids: list[Any] = []
        self._starts: list[NDArray[np.int64]] = []
        self._shards = 0
        self.rows = self.tokens = self.documents = self.characters = 0

    def add(self, encoded: pa.Table) -> None:
        """Append documents: columns id, characters, and tokens (lists; what ends a document is in them)."""
        if not encoded.num_rows:
            return
        tokens: Any = encoded["tokens"].combine_chunks()
        lengths = pc.list_value_length(tokens).to_numpy()
        self._starts.append(self.tokens + np.cumsum(lengths) - lengths)
        self._ids.extend(encoded["id"].chunks)
        values: Ids = tokens.flatten().to_numpy()
        self._chunks.append(values)
        self._buffered += len(values)
        self.tokens += len(values)
        self.documents += encoded.num_rows
        self.characters += int(pc.sum(encoded["characters"]).as_py())
        while self._buffered >= self._shard_tokens:
            self._write_shard(self._shard_tokens)

    def close(self) -> None:
        """Write what is left; the last row is filled up with padding, which `tokens` does not count."""
        if self._buffered:
            self._write_shard(self._buffered)

    def counts(self) -> dict[str, int]:
        """What was packed; tokens include the one that ends each document, not the padding."""
        return {"rows": self.rows, "tokens": self.tokens, "documents": self.documents, "characters": self.characters}

    def _write_shard(self, count: int) -> None:
        buffered = np.concatenate(self._chunks)
        tokens, rest = buffered[:count], buffered[count:]
        self._chunks, self._buffered = [rest], len(rest)
        padded = np.pad(tokens, (0, -count % self._length), constant_values=_PADDING)
        column = pa.FixedSizeListArray.from_arrays(pa.array(padded), self._length)
        batch = pa.record_batch([column], names=["tokens"])
        with (
            open_output(self._location / f"{self._split}/shard-{self._shards:05d}.arrow") as sink,
            pa.ipc.new_file(sink, batch.schema) as writer,
        ):
            writer.write_batch(batch)
        self._write_lineage(batch.num_rows, count)
        self._shards += 1
        self.rows += batch.num_rows

    def _write_lineage(self, rows: int, count: int) -> None:
        begin = self.rows * self._length
        ids, starts = pa.concat_arrays(self._ids), np.concatenate(self._starts)
        table = lineage_table(ids, starts, begin, begin + count, self._length)
        with open_output(self._location / f"lineage/{self._split}-{self._shards:05d}.parquet") as sink:
            pq.write_table(table, sink, compression="zstd")
        # Documents that end here are forgotten; the one that begins last may go on.
        keep = max(int(np.searchsorted(starts, begin + count, side="right")) - 1, 0)
        self._ids, self._starts = [ids.slice(keep)], [starts[keep:]]


def lineage_table(documents: "pa.Array[Any]", starts: NDArray[np.int64], begin: int, end: int, length: int) -> pa.Table:
    """For each row of the tokens [begin, end): its number, the documents in it, and where in it each begins.

    `starts`: the first token of each document, ascending, counted over the whole split; a document ends where the next
    one starts. Columns row int64, starts list<int32>, documents list<string>.
    """
    ends = np.append(starts[1:], end)
    inside = np.flatnonzero((starts < end) & (ends > begin) & (ends > starts))
    first = np.maximum(starts[inside], begin) // length
    last = (np.minimum(ends[inside], end) - 1) // length
    spans = last - first + 1
    which = np.repeat(inside, spans)
    row = np.repeat(first, spans) + np.arange(spans.sum()) - np.repeat(np.cumsum(spans) - spans, spans)
    numbers = np.arange(begin // length, -(-end // length))
    offsets = pa.array(np.searchsorted(row, np.append(numbers, numbers[-1] + 1)), pa.int32())
    places = pa.array(np.maximum(starts[which] - row * length, 0), pa.int32())
    names = documents.take(pa.array(which, pa.int64()))
    return pa.table(
        {
            "row": pa.array(numbers, pa.int64()),
            "starts": pa.ListArray.from_arrays(offsets, places),
            "documents": pa.ListArray.from_arrays(offsets, names),
        }
    )
