"""Connected components of a graph whose edges are partitioned: no process ever holds more than one partition of them.

Alternating large-star and small-star: Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii, Connected Components in MapReduce
and Beyond, SoCC 2014. Every component ends as a star around its smallest member, in a number of rounds that grows with the
logarithm of its size. One partition needs no rounds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workloads.corpus.dedup.layout import Layout, Rows, Table, firsts, joined
from workloads.corpus.shuffle import collect, columns, start, start_parts

EDGE = np.dtype([("u", "<u8"), ("v", "<u8")])
LABEL = np.dtype([("row", "<u8"), ("root", "<u8")])
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_MOST_ROUNDS = 200


def both_ways(layout: Layout, links: Table) -> list[Table]:
    """The links (fields a, b) as edges, first contracted to stars, from either end, by partition of that end."""
    rows, roots = label(links["a"], links["b"])
    return _spread(layout, _edges(rows, roots))


def connect(layout: Layout, parts: Sequence[Sequence[Any]]) -> list[Any]:
    """`parts`: per partition the references of its edges. Answers per partition a reference to its labels, sorted."""
    before: list[int] = []
    for _ in range(_MOST_ROUNDS):
        if layout.partitions > 1:
            large = [start_parts(large_star, layout.partitions, layout, *part) for part in parts]
            small = [start_parts(small_star, layout.partitions + 1, layout, *part) for part in columns(large)]
            parts = columns([each[1:] for each in small])
            sums = list(collect([each[0] for each in small]))
        if layout.partitions == 1 or sums == before:
            return [start(labels_of_edges, *part) for part in parts]
        before = sums
    raise AssertionError("the rounds of connected components have no end")


def labels_of_edges(*parts: Table) -> Table:
    """Each document with the smallest one of its component: of stars, or where all edges are in one place, of any graph."""
    edges = joined(parts)
    rows, roots = label(edges["u"], edges["v"])
    inside = np.isin(rows, edges["u"])  # with several partitions, what is only at the far end belongs elsewhere
    labels = np.empty(int(inside.sum()), LABEL)
    labels["row"], labels["root"] = rows[inside], roots[inside]
    return labels


def large_star(layout: Layout, *parts: Table) -> list[Table]:
    """Every larger neighbour is tied to the smallest; for the small star, by partition of the larger end."""
    edges, least = _neighbours(joined(parts))
    larger = edges["v"] > edges["u"]
    return layout.by_row(_ordered(_edges(edges["v"][larger], least[larger])), "u")


def small_star(layout: Layout, *parts: Table) -> list[object]:
    """Every smaller neighbour, and the document itself, is tied to the smallest. Answers first a sum over the edges, which
    stays the same from round to round once all are stars; then both directions by partition."""
    edges, least = _neighbours(joined(parts))
    tied = _ordered(_edges(np.concatenate([edges["v"], edges["u"]]), np.concatenate([least, least])))
    total = int(np.add.reduce((tied["u"] * _MIX ^ tied["v"]) * _MIX, dtype=np.uint64)) if len(tied) else 0
    return [total, *_spread(layout, tied)]


def _neighbours(edges: Table) -> tuple[Table, Rows]:
    """The edges sorted by their first end, each once; and for each the smallest of that end and its neighbours."""
    edges = edges[np.lexsort((edges["v"], edges["u"]))]
    edges = edges[firsts(edges["u"], edges["v"])]
    first = firsts(edges["u"])
    smallest = np.minimum(edges["u"][first], edges["v"][first])
    return edges, smallest[np.cumsum(first) - 1]


def _edges(u: Rows, v: Rows) -> Table:
    edges = np.empty(len(u), EDGE)
    edges["u"], edges["v"] = u, v
    real: Table = edges[u != v]
    return real


def _ordered(edges: Table) -> Table:
    """The larger end first, each edge once."""
    edges = _edges(np.maximum(edges["u"], edges["v"]), np.minimum(edges["u"], edges["v"]))
    edges = edges[np.lexsort((edges["v"], edges["u"]))]
    unique: Table = edges[firsts(edges["u"], edges["v"])]
    return unique


def _spread(layout: Layout, edges: Table) -> list[Table]:
    both = np.concatenate([edges, _edges(edges["v"], edges["u"])])
    return layout.by_row(both, "u")


def label(left: Rows, right: Rows) -> tuple[Rows, Rows]:
    """(members, the smallest member of the component of each) of a graph that is all here; members are sorted.

    Union by the smaller root, with halved paths; the result does not depend on the order of the pairs.
    """
    rows, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    parent = list(range(len(rows)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for first, second in zip(places[: len(left)].tolist(), places[len(left) :].tolist(), strict=True):
        a, b = root(first), root(second)
        parent[max(a, b)] = min(a, b)
    return rows, rows[np.array([root(member) for member in range(len(rows))], dtype=np.intp)]
