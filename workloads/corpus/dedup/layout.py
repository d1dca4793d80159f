"""How the work is spread: partitions of keys, and rooms of neighbouring blocks. No result depends on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint64]
Table = NDArray[np.void]  # structured: named fields, fixed width

_DOCUMENTS_PER_PARTITION, _MOST_PER_PARTITION = 100_000, 500_000  # 20 band keys of 20 bytes each: 40 and 200 MB
_FEW_PARTITIONS = 32  # of the smaller size; then they grow, since small objects lie in the driver (limits.py)
_FEWEST_ROOMS, _MOST_ROOMS, _BLOCKS_PER_ROOM = 8, 512, 4  # a block holds up to 64 MiB of text


@dataclass(frozen=True)
class Layout:
    """`partitions`: of keys and of documents by row number; `rooms`: documents are compared by the room of the later one."""

    partitions: int
    rooms: int
    blocks: int

    @staticmethod
    def of(documents: int, blocks: int) -> "Layout":
        rooms = max(min(blocks, _FEWEST_ROOMS), min(blocks // _BLOCKS_PER_ROOM, _MOST_ROOMS))
        size = max(_DOCUMENTS_PER_PARTITION, min(_MOST_PER_PARTITION, documents // _FEW_PARTITIONS))
        return Layout(max(1, -(-documents // size)), max(rooms, 1), blocks)

    def room(self, block: int) -> int:
        """The room of a block, by its number."""
        return block * self.rooms // self.blocks

    def by_row(self, table: Table, field: str = "row") -> list[Table]:
        """The table cut by the row number in `field`."""
        return divide(table, table[field] % np.uint64(self.partitions), self.partitions)

    def by_room(self, table: Table, field: str = "room") -> list[Table]:
        return divide(table, table[field], self.rooms)


def divide(table: Table, places: NDArray[Any], parts: int) -> list[Table]:
    """The table cut into `parts`, each in the order it had: part p holds the rows with place p."""
    if parts == 1:
        return [table]
    order = np.argsort(places, kind="stable")
    edges = np.searchsorted(places[order], np.arange(parts + 1, dtype=places.dtype))
    arranged = table[order]
    return [arranged[start:stop].copy() for start, stop in pairwise(edges.tolist())]


def joined(parts: Sequence[Table]) -> Table:
    """All parts one after the other; at least one."""
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def firsts(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a group begins, in columns sorted alike: the first of every run of equal values."""
    fresh = np.ones(len(columns[0]), bool)
    fresh[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return fresh
