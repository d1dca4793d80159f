"""Near duplicates: candidates share a MinHash band, true Jaccard similarity decides, connected ones are one document.

Bands and texts are partitioned; the driver holds numbers of candidate documents only. The result depends on neither the
number of workers nor the order of blocks: pairs are sorted, and every choice is by length and id.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from workloads.corpus.components import components
from workloads.corpus.duplicates import Losers, Rows
from workloads.corpus.shuffle import collect, scatter, start
from workloads.corpus.tables import texts, undropped, where
from workloads.text.fold import fold
from workloads.text.minhash import BANDS, SHINGLE
from workloads.text.shingles import jaccard, shingle_set

Pairs = NDArray[np.uint64]  # [n, 2], the smaller row first
_PARTITIONS = 64
_ALL_PAIRS = 40  # documents in a bucket up to which every pair is a candidate; above, neighbours and the first one
_PAIRS_PER_TASK = 20_000


def find_near(blocks: Sequence[Any], exact: Losers, threshold: float) -> Losers:
    """Of every connected group all but the longest (then smallest id); value: the best Jaccard of each loser's pairs."""
    gone = ray.put(exact.rows)
    partitions = max(1, min(len(blocks), _PARTITIONS))
    parts = scatter(bands_of_block, blocks, partitions, gone)
    pairs = _unique(list(collect([start(pairs_of_buckets, *part) for part in parts])))
    rows, values = _verify(blocks, pairs, threshold)
    return _choose(blocks, rows, values)


def bands_of_block(block: pa.Table, partitions: int, gone: Rows) -> list[tuple[Rows, Rows]]:
    """Per partition: (band key, row) of the documents that are still in."""
    table = undropped(block)
    table = where(table, ~np.isin(table["row"].to_numpy(), gone) & (pc.binary_length(table["bands"]).to_numpy() > 0))
    keys = np.frombuffer(b"".join(cast(list[bytes], table["bands"].to_pylist())), dtype="<u8")
    rows = np.repeat(table["row"].to_numpy(), BANDS)
    places = keys % np.uint64(partitions)
    return [(keys[places == part], rows[places == part]) for part in range(partitions)]


def pairs_of_buckets(*parts: tuple[Rows, Rows]) -> Pairs:
    """Candidate pairs of the rows that share a key."""
    keys, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    edges = np.flatnonzero(np.diff(keys)) + 1
    starts, stops = np.append(0, edges), np.append(edges, len(keys))
    found = [_pairs(rows[a:b]) for a, b in zip(starts, stops, strict=True) if b - a > 1]
    return _unique(found)


def _pairs(rows: Rows) -> Pairs:
    """Every pair of a small bucket; of a large one, which true duplicates fill, the first with each and neighbours."""
    if len(rows) <= _ALL_PAIRS:
        left, right = np.triu_indices(len(rows), 1)
        return np.stack([rows[left], rows[right]], axis=1)
    star = np.stack([np.repeat(rows[:1], len(rows) - 1), rows[1:]], axis=1)
    return np.concatenate([star, np.stack([rows[:-1], rows[1:]], axis=1)])


def _unique(found: Sequence[Pairs]) -> Pairs:
    if not found:
        return np.empty((0, 2), np.uint64)
    pairs = np.concatenate(found)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    fresh = np.ones(len(pairs), bool)
    fresh[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[fresh]


def _verify(blocks: Sequence[Any], pairs: Pairs, threshold: float) -> tuple[Pairs, NDArray[np.float64]]:
    """The pairs whose true similarity reaches the threshold, with it."""
    chunks = [pairs[at : at + _PAIRS_PER_TASK] for at in range(0, len(pairs), _PAIRS_PER_TASK)]
    if not chunks:
        return pairs, np.empty(0)
    wanted = ray.put([np.unique(chunk) for chunk in chunks])
    needed = scatter(texts_of_block, blocks, len(chunks), wanted)
    found = list(collect([start(verify_pairs, chunk, threshold, *part) for chunk, part in zip(chunks, needed, strict=True)]))
    return np.concatenate([pairs for pairs, _ in found]), np.concatenate([values for _, values in found])


def texts_of_block(block: pa.Table, partitions: int, wanted: Sequence[Rows]) -> list[pa.Table]:
    """Per partition: the documents of this block that it compares."""
    table = undropped(block).select(["row", "text"])
    rows = table["row"].to_numpy()
    return [where(table, np.isin(rows, wanted[part])) for part in range(partitions)]


def verify_pairs(pairs: Pairs, threshold: float, *parts: pa.Table) -> tuple[Pairs, NDArray[np.float64]]:
    """Compare the sets of shingles of both folded texts."""
    table = pa.concat_tables(parts)
    sets = {
        row: shingle_set(fold(text), SHINGLE) for row, text in zip(table["row"].to_pylist(), texts(table, "text"), strict=True)
    }
    values = np.array([_similarity(sets[a], sets[b], threshold) for a, b in pairs.tolist()])
    near = values >= threshold
    return pairs[near], values[near]


def _similarity(left: Rows, right: Rows, threshold: float) -> float:
    """Jaccard, or 0 where the sizes alone rule the threshold out."""
    if min(len(left), len(right)) < threshold * max(len(left), len(right)):
        return 0.0
    return jaccard(left, right)


def _choose(blocks: Sequence[Any], pairs: Pairs, values: NDArray[np.float64]) -> Losers:
    members = np.unique(pairs)
    if not len(members):
        return Losers.none()
    wanted = ray.put(members)
    facts = pa.concat_tables(collect([start(facts_of_block, block, wanted) for block in blocks])).sort_by("row")
    rank = np.empty(len(members), np.int64)  # the order of preference: longest, then smallest id
    rank[np.lexsort((np.array(texts(facts, "id")), -facts["characters"].to_numpy()))] = np.arange(len(members))
    places = np.searchsorted(members, pairs)
    roots = components(len(members), places, rank)
    best = np.zeros(len(members))
    for side in (0, 1):
        np.maximum.at(best, places[:, side], values)
    lost = roots != np.arange(len(members))
    return Losers.of(members[lost], members[roots[lost]], best[lost])


def facts_of_block(block: pa.Table, wanted: Rows) -> pa.Table:
    table = block.select(["row", "id", "characters"])
    return where(table, np.isin(table["row"].to_numpy(), wanted))
