"""Exact duplicates: documents whose folded texts are equal, found by partitions of their digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.corpus.shuffle import collect, scatter, start
from workloads.corpus.tables import in_order, undropped, where

Rows = NDArray[np.uint64]
_PARTITIONS = 64


@dataclass(frozen=True)
class Losers:
    """Rows that give way, sorted; the row each gives way to; and the measure (Jaccard similarity)."""

    rows: Rows
    winners: Rows
    values: NDArray[np.float64]

    @staticmethod
    def none() -> "Losers":
        return Losers(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0))

    @staticmethod
    def of(rows: Rows, winners: Rows, values: NDArray[np.float64]) -> "Losers":
        order = np.argsort(rows)
        return Losers(rows[order], winners[order], values[order])


def find_exact(blocks: Sequence[Any]) -> Losers:
    """Of every group of equal documents all but the longest (then smallest id, then first file and position)."""
    partitions = max(1, min(len(blocks), _PARTITIONS))
    parts = scatter(digests_of_block, blocks, partitions)
    found = list(collect([start(group_digests, *part) for part in parts]))
    rows = np.concatenate([rows for rows, _ in found])
    winners = np.concatenate([winners for _, winners in found])
    return Losers.of(rows, winners, np.ones(len(rows)))


def digests_of_block(block: pa.Table, partitions: int) -> list[pa.Table]:
    """Per partition: row, id, length and digest of the documents that no rule has dropped."""
    table = undropped(block).select(["row", "id", "characters", "digest"])
    first = np.array(table["digest"].to_pylist(), dtype="V16").view("<u8")[::2]
    return [where(table, first % np.uint64(partitions) == part) for part in range(partitions)]


def group_digests(*parts: pa.Table) -> tuple[Rows, Rows]:
    """(losers, winners) among equal digests."""
    table = pa.concat_tables(parts)
    table = in_order(table, ("digest", "ascending"), ("characters", "descending"), ("id", "ascending"), ("row", "ascending"))
    rows = table["row"].to_numpy()
    if not len(rows):
        return rows, rows
    digests = np.array(table["digest"].to_pylist(), dtype="V16")
    first = np.ones(len(rows), bool)
    first[1:] = digests[1:] != digests[:-1]
    group = np.cumsum(first) - 1
    return rows[~first], rows[first][group[~first]]
