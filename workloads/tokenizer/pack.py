"""Pack token sequences back to back into fixed-length rows: Arrow shards, and which documents each row came from.

Sequences go in in order; so the rows depend on the documents alone. Who packs counts, and writes nothing himself: a shard is
written from its tables wherever these are at hand. Not for encoding: see encode.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cluster.storage import Location, locate, open_output
from workloads.tokenizer.encoding import TokenType

Ids = NDArray[np.unsignedinteger[Any]]  # uint16 or uint32

_SHARD_BYTES = 64 << 20
_PADDING = 0


@dataclass(frozen=True)
class Counted:
    """What a table of encoded documents holds."""

    documents: int
    tokens: int
    characters: int

    @staticmethod
    def of(encoded: pa.Table) -> "Counted":
        lengths, characters = pc.list_value_length(encoded["tokens"]), encoded["characters"]
        return Counted(encoded.num_rows, int(pc.sum(lengths).as_py() or 0), int(pc.sum(characters).as_py() or 0))


@dataclass(frozen=True)
class Shard:
    """One file of rows: `count` tokens of the split from number `begin` on. The tables it is written from begin at `first`."""

    folder: str
    split: str
    number: int
    sequence_length: int
    begin: int
    count: int
    first: int

    @property
    def rows(self) -> int:
        return -(-self.count // self.sequence_length)


@dataclass(frozen=True)
class _Held:
    begin: int
    tokens: int
    table: Any


Write = Callable[..., None]
"""Called with a shard and its tables, or whatever stands for them."""


def write_shard(shard: Shard, *tables: pa.Table) -> None:
    """`<split>/shard-00000.arrow` and `lineage/<split>-00000.parquet` below the folder; again gives the same files.

    A shard is an Arrow IPC file of one record batch with the column `tokens`, FixedSizeList[sequence_length], not compressed
    so that it can be memory-mapped. Memory: about one shard beside the tables.
    """
    column = pa.FixedSizeListArray.from_arrays(pa.array(_tokens_of(shard, tables)), shard.sequence_length)
    batch = pa.record_batch([column], names=["tokens"])
    folder = locate(shard.folder)
    with (
        open_output(folder / f"{shard.split}/shard-{shard.number:05d}.arrow") as sink,
        pa.ipc.new_file(sink, batch.schema) as writer,
    ):
        writer.write_batch(batch)
    ids = pa.concat_arrays([chunk for table in tables for chunk in table["id"].chunks])
    lengths = np.concatenate([pc.list_value_length(table["tokens"]).to_numpy() for table in tables])
    starts = shard.first + np.cumsum(lengths) - lengths
    lineage = lineage_table(ids, starts, shard.begin, shard.begin + shard.count, shard.sequence_length)
    with open_output(folder / f"lineage/{shard.split}-{shard.number:05d}.parquet") as sink:
        pq.write_table(lineage, sink, compression="zstd")


def _tokens_of(shard: Shard, tables: tuple[pa.Table, ...]) -> Ids:
    """The shard's tokens, the last row filled up with padding."""
    pieces: list[Ids] = [pc.list_flatten(chunk).to_numpy() for table in tables for chunk in table["tokens"].chunks]
    tokens = np.full(shard.rows * shard.sequence_length, _PADDING, pieces[0].dtype)
    at = shard.first - shard.begin
    for piece in pieces:
        start, stop = max(at, 0), min(at + len(piece), shard.count)
        if start < stop:
            tokens[start:stop] = piece[start - at : stop - at]
        at += len(piece)
    return tokens


class RowPacker:
    """Cuts one split into shards, which `write` is given below `location`. `rows_per_shard` 0: as many as fit 64 MiB."""

    def __init__(
        self,
        location: Location,
        split: str,
        sequence_length: int,
        dtype: TokenType,
        rows_per_shard: int = 0,
        write: Write = write_shard,
    ) -> None:
        self._folder, self._split, self._length, self._write = location.uri, split, sequence_length, write
        rows_per_shard = rows_per_shard or max(1, _SHARD_BYTES // (sequence_length * dtype.itemsize))
        self._shard_tokens = rows_per_shard * sequence_length
        self._held: list[_Held] = []
        self._cut = self._shards = 0
        self.rows = self.tokens = self.documents = self.characters = 0

    def add(self, encoded: pa.Table) -> None:
        """Append documents: columns id, characters, and tokens (lists; what ends a document is in them)."""
        self.add_counted(encoded, Counted.of(encoded))

    def add_counted(self, encoded: Any, counted: Counted) -> None:
        """Append documents by what stands for their table, such as a reference to it."""
        if not counted.documents:
            return
        self._held.append(_Held(self.tokens, counted.tokens, encoded))
        self.tokens += counted.tokens
        self.documents += counted.documents
        self.characters += counted.characters
        while self.tokens - self._cut >= self._shard_tokens:
            self._cut_shard(self._shard_tokens)

    def close(self) -> None:
        """Write what is left; the last row is filled up with padding, which `tokens` does not count."""
        if self.tokens > self._cut:
            self._cut_shard(self.tokens - self._cut)

    def counts(self) -> dict[str, int]:
        """What was packed; tokens include the one that ends each document, not the padding."""
        return {"rows": self.rows, "tokens": self.tokens, "documents": self.documents, "characters": self.characters}

    def _cut_shard(self, count: int) -> None:
        end = self._cut + count
        inside = [each for each in self._held if each.begin < end]
        shard = Shard(self._folder, self._split, self._shards, self._length, self._cut, count, inside[0].begin)
        self._held = [each for each in self._held if each.begin + each.tokens > end]
        self._cut, self._shards, self.rows = end, self._shards + 1, self.rows + shard.rows
        self._write(shard, *(each.table for each in inside))


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
