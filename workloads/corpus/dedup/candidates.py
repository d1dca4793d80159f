"""Pairs of documents to compare: those that share a key of their MinHash bands, found by partitions of the keys.

Nothing is compared here (see verify.py).
"""

import numpy as np
from numpy.typing import NDArray

from workloads.corpus.dedup.cards import OLD
from workloads.corpus.dedup.exact import losers
from workloads.corpus.dedup.layout import Layout, Rows, Table, divide, firsts, joined

KEY = np.dtype([("key", "<u8"), ("row", "<u8"), ("room", "<u4")])
PAIR = np.dtype([("a", "<u8"), ("b", "<u8"), ("a_room", "<u4"), ("b_room", "<u4")])  # a is old, or stands before b

_ALL_PAIRS = 40  # documents in a bucket up to which every pair is a candidate; above, neighbours and the first one


def keys_of_block(layout: Layout, cards: Table, bands: Rows, has: NDArray[np.bool_], *exact: Table) -> list[Table]:
    """The keys of the documents that are no exact duplicates, by partition."""
    stays = ~np.isin(cards["row"], losers(joined(exact))["row"])
    keys = bands[stays[has]]
    owners = cards[stays & has]
    table = np.empty(keys.size, KEY)
    table["key"] = keys.ravel()
    table["row"], table["room"] = np.repeat(owners["row"], keys.shape[1]), np.repeat(owners["room"], keys.shape[1])
    return divide(table, table["key"] % np.uint64(layout.partitions), layout.partitions)


def pairs_of_buckets(layout: Layout, *parts: Table) -> list[Table]:
    """Candidate pairs of the documents that share a key, by the room of the second."""
    keys = joined(parts)
    keys = keys[np.lexsort((keys["row"] ^ OLD, keys["key"]))]
    starts = np.flatnonzero(firsts(keys["key"]))
    sizes = np.diff(np.append(starts, len(keys)))
    left, right = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for size in np.unique(sizes[sizes > 1]).tolist():
        a, b = _places(size)
        chosen = starts[sizes == size, None]
        left.append((chosen + a).ravel())
        right.append((chosen + b).ravel())
    first, second = keys[np.concatenate(left)], keys[np.concatenate(right)]
    pairs = np.empty(len(first), PAIR)
    pairs["a"], pairs["b"], pairs["a_room"], pairs["b_room"] = first["row"], second["row"], first["room"], second["room"]
    return layout.by_room(unique_pairs(pairs[pairs["b"] < OLD]), "b_room")


def _places(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which members of a bucket of this size are paired: all, or in a large one, which true duplicates fill, the first
    with each and neighbours, so that there are two for each member."""
    if size <= _ALL_PAIRS:
        return np.triu_indices(size, 1)
    rest = np.arange(1, size)
    return np.concatenate([np.zeros(size - 1, np.intp), rest - 1]), np.concatenate([rest, rest])


def unique_pairs(pairs: Table) -> Table:
    """Sorted by the second document, then the first."""
    pairs = pairs[np.lexsort((pairs["a"] ^ OLD, pairs["b"]))]
    return pairs[firsts(pairs["b"], pairs["a"])]


def pairs_of_room(layout: Layout, room: int, *parts: Table) -> list[Table | Rows]:
    """The room's pairs, each once, and the documents that it needs from each room."""
    pairs = unique_pairs(joined(parts))
    needed = [np.unique(pairs["a"][pairs["a_room"] == each]) for each in range(layout.rooms)]
    needed[room] = np.union1d(needed[room], pairs["b"])
    return [pairs, *needed]
