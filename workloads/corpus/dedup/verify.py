"""Compare candidates: the true Jaccard similarity of the character 5-grams of both folded texts decides."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from workloads.corpus.dedup.cards import CARD
from workloads.corpus.dedup.components import both_ways
from workloads.corpus.dedup.layout import Layout, Rows, Table, firsts, joined
from workloads.corpus.tables import texts, where
from workloads.text.fold import fold
from workloads.text.minhash import SHINGLE
from workloads.text.shingles import jaccard, shingle_set

NODE = np.dtype([*CARD.descr, ("best", "<f8")])  # the best similarity of a document's links that make two one
LINK = np.dtype([("a", "<u8"), ("b", "<u8"), ("value", "<f8")])

Texts = tuple[Table, pa.LargeStringArray]  # cards and the text of each


def folded_of_block(block: pa.Table, cards: Table, *needed: Rows) -> list[Texts]:
    """For each room that needs some: cards and folded texts of this block's documents."""
    return texts_for_rooms(cards, needed, lambda rows: [fold(text) for text in texts_of_rows(block, rows)])


def texts_for_rooms(cards: Table, needed: Sequence[Rows], fetch: Callable[[Rows], Sequence[str]]) -> list[Texts]:
    """`fetch` is asked once for the texts of all rows (sorted) that any room needs."""
    rooms = [np.intersect1d(cards["row"], rows) for rows in needed]
    everything = np.unique(np.concatenate(rooms))
    fetched = pa.array(fetch(everything) if len(everything) else [], pa.large_string())
    order = np.argsort(cards["row"])
    places = [order[np.searchsorted(cards["row"], rows, sorter=order)] for rows in rooms]
    return [(cards[place], fetched.take(np.searchsorted(everything, rows))) for place, rows in zip(places, rooms, strict=True)]


def texts_of_rows(block: pa.Table, rows: Rows) -> list[str]:
    """The texts of these rows, all in the block, in their order."""
    chosen = where(block.select(["row", "text"]), np.isin(block["row"].to_numpy(), rows)).sort_by("row")
    return texts(chosen, "text")


def links_of_room(layout: Layout, threshold: float, split_threshold: float, pairs: Table, *pieces: Texts) -> list[Table]:
    """By partitions of row numbers: the linked documents; the edges between copies; the edges between those that are at
    least as similar as `split_threshold`."""
    cards = joined([cards for cards, _ in pieces])
    folded = pa.concat_arrays([each for _, each in pieces])
    links = compare(pairs, cards["row"], folded, min(threshold, split_threshold))
    near = links[links["value"] >= threshold]
    aside = links[links["value"] >= split_threshold]
    nodes = _nodes(cards, near, np.union1d(links["a"], links["b"]))
    return [*layout.by_row(nodes), *both_ways(layout, near), *both_ways(layout, np.concatenate([near, aside]))]


def compare(pairs: Table, rows: Rows, folded: pa.LargeStringArray, least: float) -> Table:
    """The links among the pairs: those with a similarity of at least `least`."""
    place = {row: index for index, row in enumerate(rows.tolist())}
    sets = [shingle_set(str(text), SHINGLE) for text in folded.to_pylist()]
    found = np.zeros(len(pairs), LINK)
    found["a"], found["b"] = pairs["a"], pairs["b"]
    found["value"] = [
        _similarity(sets[place[a]], sets[place[b]], least)
        for a, b in zip(pairs["a"].tolist(), pairs["b"].tolist(), strict=True)
    ]
    return found[found["value"] >= least]


def _similarity(left: Rows, right: Rows, least: float) -> float:
    """Jaccard, or 0 where the sizes alone rule `least` out."""
    if min(len(left), len(right)) < least * max(len(left), len(right)):
        return 0.0
    return jaccard(left, right)


def _nodes(cards: Table, near: Table, linked: Rows) -> Table:
    chosen = cards[np.isin(cards["row"], linked)]
    chosen = chosen[np.argsort(chosen["row"])]
    nodes = np.zeros(len(chosen), NODE)
    for name in CARD.names or ():
        nodes[name] = chosen[name]
    for side in ("a", "b"):
        np.maximum.at(nodes["best"], np.searchsorted(nodes["row"], near[side]), near["value"])
    return nodes


def merged_nodes(parts: Sequence[Table]) -> Table:
    """Each document once, sorted, with the best of what different rooms have found."""
    nodes = joined(parts)
    nodes = nodes[np.lexsort((-nodes["best"], nodes["row"]))]
    return nodes[firsts(nodes["row"])]
