"""Of every group of linked documents one stays, and those that are somewhat alike go to one side of the split.

Pure functions on partitions; all members of a group are in one of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.corpus.dedup.cards import FREE, HELDOUT, OLD, TRAIN, by_preference
from workloads.corpus.dedup.exact import losers
from workloads.corpus.dedup.fates import ALWAYS, FATE, IS_EXACT, IS_KEPT, IS_NEAR, NEVER, lots
from workloads.corpus.dedup.layout import Layout, Rows, Table, firsts, joined
from workloads.corpus.dedup.verify import NODE, merged_nodes

MEMBER = np.dtype([*NODE.descr, ("copies", "<u4"), ("root", "<u8"), ("side", "<u8")])
_LARGEST_COMPANY = 200  # kept documents that may be held out by one lot; more of a kind are trained on

MOVED = np.dtype([("row", "<u8"), ("winner_id", "S20"), ("value", "<f8")])
"""What became of a document that stands for exact copies: who stays in its place, and how alike the two are (0: itself)."""


def members_of_partition(layout: Layout, exact_parts: int, near: Table, aside: Table, *parts: Table) -> list[Table]:
    """Linked documents with the number of their exact copies, the root of their near copies (`near`: its labels) and of
    all that are to be on one side (`aside`), by partition of the latter. `parts`: the partition's exact groups, then nodes."""
    exact, nodes = joined(parts[:exact_parts]), merged_nodes(parts[exact_parts:])
    members = np.zeros(len(nodes), MEMBER)
    for name in NODE.names or ():
        members[name] = nodes[name]
    groups = exact[exact["copies"] > 0]
    members["copies"] = _looked_up(members["row"], groups["row"], groups["copies"], np.ones(len(nodes), np.uint32))
    members["root"] = _looked_up(members["row"], near["row"], near["root"], members["row"])
    members["side"] = _looked_up(members["row"], aside["row"], aside["root"], members["row"])
    return layout.by_row(members, "side")


def _looked_up(keys: Rows, rows: Rows, values: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """For each key the value of its row, else what `other` has for it."""
    if not len(rows):
        return other
    order = np.argsort(rows)
    place = order[np.minimum(np.searchsorted(rows, keys, sorter=order), len(rows) - 1)]
    return np.where(rows[place] == keys, values[place], other)


def settle_groups(layout: Layout, *parts: Table) -> list[Table]:
    """The fates of new documents by room, then by row number what became of those that stand for exact copies."""
    members = joined(parts)
    members = members[by_preference(members)]
    members = members[np.argsort(members["root"], kind="stable")]
    first = firsts(members["root"])
    group = np.cumsum(first) - 1
    stays = first | (members["held"] != FREE)
    fates = np.zeros(len(members), FATE)
    fates["row"], fates["room"] = members["row"], members["room"]
    fates["kind"] = np.where(stays, IS_KEPT, IS_NEAR)
    fates["value"] = np.where(stays, 0.0, members["best"])
    winners = members["id"][first][group] if len(members) else members["id"]
    fates["matched"] = np.where(stays, b"", winners)
    sizes = np.bincount(group, weights=members["copies"], minlength=int(first.sum()))
    fates["size"] = sizes[group]
    fates["lot"] = _drawn(members, stays)
    moved = np.zeros(int((members["copies"] > 1).sum()), MOVED)
    for name, column in (("row", members["row"]), ("winner_id", winners), ("value", fates["value"])):
        moved[name] = column[members["copies"] > 1]
    return [*layout.by_room(fates[members["held"] == FREE]), *layout.by_row(moved)]


def _drawn(members: Table, stays: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The lot that each one's side draws by its smallest id, or has drawn in the corpus that this one extends."""
    if not len(members):
        return np.empty(0, np.int64)
    order = np.lexsort((members["id"], members["side"]))
    first = firsts(members["side"][order])
    side = np.cumsum(first) - 1
    drawn = np.where(np.bincount(side, weights=stays[order]) > _LARGEST_COMPANY, NEVER, lots(members["id"][order][first]))
    held = members["held"][order]
    for mark, lot in ((TRAIN, NEVER), (HELDOUT, ALWAYS)):  # where old ones stand on both, the new stay out of training
        drawn[np.unique(side[held == mark])] = lot
    result = np.empty(len(members), np.int64)
    result[order] = drawn[side]
    return result


def resolve_equal(layout: Layout, exact_parts: int, *parts: Table) -> list[Table]:
    """The fates of exact copies, and of the documents that stand for them where nothing else is linked with these, by room.
    Copies of a near duplicate are near duplicates of what stays. `parts`: a partition's exact groups by the winner's row number,
    then what became of winners."""
    exact, moved = joined(parts[:exact_parts]), joined(parts[exact_parts:]) if parts[exact_parts:] else np.empty(0, MOVED)
    found = np.isin(exact["row"], moved["row"])
    alone = exact[(exact["copies"] > 0) & ~found & (exact["row"] < OLD)]
    lost = losers(exact)
    fates = np.zeros(len(alone) + len(lost), FATE)
    fates["row"], fates["room"] = (np.concatenate([alone[name], lost[name]]) for name in ("row", "room"))
    alike = _looked_up(lost["winner"], moved["row"], moved["value"], np.zeros(len(lost)))
    fates["kind"][: len(alone)], fates["kind"][len(alone) :] = IS_KEPT, np.where(alike > 0, IS_NEAR, IS_EXACT)
    fates["size"][: len(alone)] = alone["copies"]
    fates["lot"][: len(alone)] = lots(alone["winner_id"])
    fates["value"][len(alone) :] = np.where(alike > 0, alike, 1.0)
    fates["matched"][len(alone) :] = _looked_up(lost["winner"], moved["row"], moved["winner_id"], lost["winner_id"])
    return layout.by_room(fates)


def fates_of_room(*parts: Table) -> Table:
    """All fates of a room, sorted by row number."""
    fates = joined(parts)
    return fates[np.argsort(fates["row"])]
