"""Within each cluster, who stays: in order of preference, a document goes that is like one which stays already.

So every document that goes has such a one to name, and chains of similar documents do not pull different ones together.
"""

import numpy as np
from numpy.typing import NDArray

from workloads.corpus.dedup.cards import by_preference
from workloads.corpus.dedup.fates import FATE, IS_KEPT, IS_SEMANTIC, lots
from workloads.corpus.dedup.layout import Rows, Table, divide, joined
from workloads.corpus.semantic.clusters import Floats, Numbers
from workloads.corpus.semantic.embed import Vectors

_AT_ONCE = 256
_DECIMALS = 4  # vectors are kept in 16 bits

LOSS = np.dtype([("place", "<i8"), ("winner", "<i8"), ("value", "<f8")])


def settle_bucket(rooms: int, threshold: float, length_ratio: float, *parts: tuple[Numbers, Table, Vectors]) -> list[Table]:
    """By room the fates of what goes and of what stays in its place."""
    owners = np.concatenate([each for each, _, _ in parts])
    entries = joined([each for _, each, _ in parts])
    vectors = np.concatenate([each for _, _, each in parts])
    order = by_preference(entries)
    order = order[np.argsort(owners[order], kind="stable")]
    starts = np.flatnonzero(np.diff(owners[order], prepend=-1))
    changes = [
        settle_cluster(entries[members], vectors[members].astype(np.float32), threshold, length_ratio)
        for members in np.split(order, starts[1:])
    ]
    fates = joined([np.empty(0, FATE), *changes])
    return divide(fates, fates["room"], rooms)


def settle_cluster(entries: Table, vectors: Floats, threshold: float, length_ratio: float) -> Table:
    """`entries` in order of preference, `vectors` of length 1. Answers the fates of losers, then of those who win."""
    lost = lose(vectors, entries["characters"].astype(np.float64), threshold, length_ratio)
    if not len(lost):
        return np.empty(0, FATE)
    winners, gains = np.unique(lost["winner"], return_inverse=True)
    fates = np.zeros(len(lost) + len(winners), FATE)
    places = np.concatenate([lost["place"], winners])
    for name in ("row", "room", "size"):
        fates[name] = entries[name][places]
    fates["lot"] = lots(entries["id"][places])
    fates["kind"][: len(lost)], fates["kind"][len(lost) :] = IS_SEMANTIC, IS_KEPT
    fates["value"][: len(lost)] = lost["value"]
    fates["matched"][: len(lost)] = entries["id"][lost["winner"]]
    np.add.at(fates["size"], len(lost) + gains, entries["size"][lost["place"]])
    return fates


def lose(vectors: Floats, characters: NDArray[np.float64], threshold: float, ratio: float) -> Table:
    """The places of those that go, with the one that stays and is most like each. Never more than a strip of the
    similarities at once."""
    stays = np.empty(0, np.int64)
    found: list[tuple[int, int, float]] = []
    for at in range(0, len(vectors), _AT_ONCE):
        strip = np.arange(at, min(at + _AT_ONCE, len(vectors)))
        before = np.concatenate([stays, strip])  # those of the strip itself are settled one by one
        alike = np.round(vectors[strip] @ vectors[before].T, _DECIMALS).astype(np.float64)
        lengths = characters[strip, None], characters[before]
        alike[np.minimum(*lengths) < ratio * np.maximum(*lengths)] = -1
        kept = np.concatenate([np.ones(len(stays), bool), np.zeros(len(strip), bool)])
        for place, row in zip(strip.tolist(), alike, strict=True):
            best = int(np.argmax(np.where(kept, row, -1))) if kept.any() else -1
            if best >= 0 and kept[best] and row[best] >= threshold:
                found.append((place, int(before[best]), float(row[best])))
            else:
                kept[len(stays) + place - at] = True
        stays = before[kept]
    return np.array(found, LOSS)


def with_changes(fates: Table, *changes: Table) -> Table:
    """A room's fates, sorted by row, after what the comparison of meanings has changed. Lots that were drawn stand."""
    changed = joined([np.empty(0, FATE), *changes])
    changed = changed[np.argsort(changed["row"])]
    known: Rows = np.intersect1d(fates["row"], changed["row"])
    result = fates.copy()
    here, there = np.searchsorted(result["row"], known), np.searchsorted(changed["row"], known)
    for name in ("kind", "value", "matched", "size"):
        result[name][here] = changed[name][there]
    result = np.concatenate([result, changed[~np.isin(changed["row"], known)]])
    return result[np.argsort(result["row"])]
