"""The columns of the tables that go from step to step of the corpus, and how a row is named."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_POSITION_BITS = 40


def _schema(*fields: "pa.Field[Any]") -> pa.Schema:
    return pa.schema(list(fields))


READ = _schema(
    pa.field("row", pa.uint64()),  # the file's number and the position in it: unique, and the same in every run
    pa.field("id", pa.string()),
    pa.field("source", pa.string()),
    pa.field("file", pa.string()),
    pa.field("position", pa.int64()),
    pa.field("text", pa.string()),  # normalised; a sample or an explanation where `problem` is set
    pa.field("characters_read", pa.int32()),
    pa.field("problem", pa.string()),  # empty for a document; else why the record is bad
    pa.field("lines_repaired", pa.int32()),  # read with the wrong encoding by whoever wrote the file, and set right
    pa.field("normalised", pa.bool_()),  # whether the text differs from what was read
    pa.field("date", pa.float64()),  # seconds since 1970; not a number where the record has none
    pa.field("score", pa.float64()),  # the record's own quality; not a number where it has none; once cleaned, the model's
)

OVERLAP_FIELDS: list[tuple[str, pa.DataType]] = [("item", pa.int32()), ("share", pa.float64()), ("quoted", pa.bool_())]
COUNTS = pa.map_(pa.string(), pa.int32())
_HIT = pa.struct([("start", pa.int64()), ("category", pa.string()), ("word", pa.string()), ("context", pa.string())])
HIT_NAMES = ("start", "category", "word", "context")

CLEAN = _schema(
    *READ,
    pa.field("characters", pa.int32()),
    pa.field("rule", pa.string()),  # the rule that drops the document; empty: none so far
    pa.field("value", pa.float64()),
    pa.field("threshold", pa.float64()),  # of the rule that drops the document; 0 where none does
    pa.field("lines_removed", pa.int32()),
    pa.field("script", pa.string()),  # simplified, traditional, mixed or none, before conversion
    pa.field("converted", pa.bool_()),
    pa.field("personal", COUNTS),  # items of personal data by kind
    pa.field("audit", pa.list_(pa.struct([("kind", pa.string()), ("shown", pa.string())]))),
    pa.field("lexicon", COUNTS),  # hits by category
    pa.field("hits", pa.list_(_HIT)),
    pa.field("digest", pa.binary(16)),  # of the folded text: equal for exact duplicates
    pa.field("bands", pa.binary()),  # a number of 8 bytes for each band: near duplicates share one
    pa.field("overlaps", pa.list_(pa.struct(OVERLAP_FIELDS))),  # with items of evaluation sets
    pa.field("matched", pa.string()),  # the item for which the document is dropped
)

DOCUMENTS = _schema(
    pa.field("id", pa.string()),
    pa.field("text", pa.string()),
    pa.field("source", pa.string()),
    pa.field("split", pa.string()),
    pa.field("characters", pa.int32()),
    pa.field("script", pa.string()),  # as it was read
    pa.field("cluster_size", pa.int32()),  # copies of it that were found, itself included
    pa.field("score", pa.float64()),  # of the quality model, else the record's own; not a number where there is neither
)

DECISIONS = _schema(
    pa.field("id", pa.string()),
    pa.field("source", pa.string()),
    pa.field("file", pa.string()),
    pa.field("position", pa.int64()),
    pa.field("stage", pa.string()),
    pa.field("rule", pa.string()),
    pa.field("value", pa.float64()),
    pa.field("threshold", pa.float64()),
    pa.field("kept", pa.bool_()),
    pa.field("matched_id", pa.string()),
    pa.field("lines_removed", pa.int32()),
    pa.field("lines_repaired", pa.int32()),
    pa.field("normalised", pa.bool_()),
    pa.field("script", pa.string()),
    pa.field("converted", pa.bool_()),
    pa.field("personal", COUNTS),
    pa.field("lexicon", COUNTS),
    pa.field("beginning", pa.string()),  # of a dropped document, without personal data; empty for one that is kept
)

LEXICON_HITS = _schema(
    pa.field("id", pa.string()),
    pa.field("source", pa.string()),
    pa.field("file", pa.string()),
    pa.field("position", pa.int64()),
    pa.field("kept", pa.bool_()),
    *_HIT,
)

QUARANTINE = _schema(
    pa.field("file", pa.string()),
    pa.field("position", pa.int64()),
    pa.field("reason", pa.string()),
    pa.field("sample", pa.string()),
)


def texts(table: pa.Table, column: str) -> list[str]:
    """A column of strings as a list."""
    return cast(list[str], table[column].to_pylist())


def is_empty(table: pa.Table, column: str) -> Mask:
    """Where a column of strings is the empty string."""
    return np.array(pc.equal(table[column], pa.scalar("")).to_numpy(zero_copy_only=False), dtype=bool)


def where(table: pa.Table, mask: Mask) -> pa.Table:
    """The rows for which the mask is true: the table itself where it is for all."""
    return table if mask.all() else table.filter(pa.array(mask, pa.bool_()))


def slices(table: pa.Table, size: int) -> list[pa.Table]:
    """Neighbouring rows of about `size` bytes of text together, without copying; one slice at least."""
    ends = np.cumsum(pc.binary_length(table["text"]).to_numpy().astype(np.int64))
    edges = [0, *(np.flatnonzero(np.diff(ends // size)) + 1).tolist(), table.num_rows]
    return [table.slice(start, stop - start) for start, stop in pairwise(edges)]


def in_order(table: pa.Table, *keys: tuple[str, Literal["ascending", "descending"]]) -> pa.Table:
    """The table sorted by these columns."""
    return table.take(pc.sort_indices(table, sort_keys=list(keys)))


def undropped(block: pa.Table) -> pa.Table:
    """The documents of a cleaned block that no rule has dropped."""
    return where(block, is_empty(block, "problem") & is_empty(block, "rule"))


def row_number(file_index: int, position: int) -> int:
    """One number for a record: up to 2^24 files of up to 2^40 records."""
    return (file_index << _POSITION_BITS) + position


def to_table(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Rows in the schema's column order."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    arrays = [_array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> "pa.Array[Any]":
    """Counts as mappings, structs as tuples in the order of their fields."""
    if kind == COUNTS:
        values = [list(each.items()) for each in values]
    if pa.types.is_list(kind):
        names = [field.name for field in kind.value_type]
        values = [[dict(zip(names, row, strict=True)) for row in each] for each in values]
    return pa.array(values, kind)
