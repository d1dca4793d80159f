"""Exact duplicates: documents whose folded texts are equal, found by partitions of their digests."""

import numpy as np

from workloads.corpus.dedup.cards import by_preference
from workloads.corpus.dedup.layout import Layout, Table, firsts, joined

EXACT = np.dtype([("row", "<u8"), ("room", "<u4"), ("winner", "<u8"), ("winner_id", "S20"), ("copies", "<u4")])
"""A member of a group of equal documents; `copies` of the winner itself is the group's size, else 0."""


def group_equal(layout: Layout, *parts: Table) -> list[Table]:
    """Every member of a group of two or more: by room, then by the winner's row number."""
    cards = joined(parts)
    cards = cards[by_preference(cards)]
    cards = cards[np.lexsort((cards["second"], cards["first"]))]  # stable: the best of each group comes first
    first = firsts(cards["first"], cards["second"])
    group = np.cumsum(first) - 1
    sizes = np.bincount(group, minlength=int(first.sum()))
    found = np.zeros(len(cards), EXACT)
    found["row"], found["room"] = cards["row"], cards["room"]
    found["winner"], found["winner_id"] = cards["row"][first][group], cards["id"][first][group]
    found["copies"] = np.where(first, sizes[group], 0)
    found = found[sizes[group] > 1]
    return [*layout.by_room(found), *layout.by_row(found, "winner")]


def losers(exact: Table) -> Table:
    """The members that give way."""
    lost: Table = exact[exact["row"] != exact["winner"]]
    return lost
