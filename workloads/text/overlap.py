"""How much of each item of an evaluation set stands in a text, by character 13-grams of folded text.

Not for reading the sets (corpus/decontamination/) and not for near duplicates (minhash.py): an item is short and the text long, so
what counts is the share of the item that is found, not what both have in common of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.text.shingles import Hashes, shingle_hashes

_FILTER_BITS = 24  # 2 MiB: of 1.5 million grams (C-Eval and CMMLU together) .09 pass by chance


@dataclass(frozen=True)
class Match:
    """An item (its number in the index) and the share, 0 to 1, of its grams that the text holds."""

    item: int
    share: float


@dataclass(frozen=True)
class OverlapIndex:
    """Which grams belong to which items. `totals`: different grams per item that tell it from others; 0 where the item cannot be
    looked for: it is too short, or made of nothing but phrases that many items share."""

    length: int
    grams: Hashes  # [g] sorted, distinct
    starts: NDArray[np.int64]  # [g + 1] into `items`
    items: NDArray[np.int32]
    totals: NDArray[np.int32]
    passes: NDArray[np.bool_]  # [2^24] by the lowest bits of a gram

    def match(self, folded: str, least_share: float) -> list[Match]:
        """The items of which the text holds at least this share, the largest share first, then in the order of the index."""
        found = shingle_hashes(folded, self.length)
        if len(folded) < self.length or not len(self.grams):
            return []
        found = np.unique(found[self.passes[_low_bits(found)]])
        places = np.minimum(np.searchsorted(self.grams, found), len(self.grams) - 1)
        places = places[self.grams[places] == found]
        if not len(places):
            return []
        owners = np.concatenate([self.items[self.starts[place] : self.starts[place + 1]] for place in places])
        items, shared = np.unique(owners, return_counts=True)
        shares = shared / self.totals[items]
        matches = [Match(int(item), float(share)) for item, share in zip(items, shares, strict=True) if share >= least_share]
        return sorted(matches, key=lambda match: (-match.share, match.item))


def build_overlap_index(folded: Sequence[str], length: int, common: int, least_grams: int) -> OverlapIndex:
    """An index over the folded texts of items.

    A gram that more than `common` items hold is a phrase of the exam, such as 下列说法正确的是, and says nothing; an item with fewer than
    `least_grams` others is not looked for, since chance would find it.
    """
    sets = [np.unique(shingle_hashes(text, length)) if len(text) >= length else np.empty(0, np.uint64) for text in folded]
    owners = np.repeat(np.arange(len(sets), dtype=np.int32), [len(each) for each in sets])
    grams = np.concatenate([np.empty(0, np.uint64), *sets])
    order = np.argsort(grams, kind="stable")
    grams, owners = grams[order], owners[order]
    distinct, first, counts = np.unique(grams, return_index=True, return_counts=True)
    telling = np.repeat(counts <= common, counts)
    totals = np.bincount(owners[telling], minlength=len(sets)).astype(np.int32)
    totals[totals < least_grams] = 0
    telling &= totals[owners] > 0
    kept, owners = grams[telling], owners[telling]
    distinct, first = np.unique(kept, return_index=True)
    passes = np.zeros(1 << _FILTER_BITS, bool)
    passes[_low_bits(distinct)] = True
    return OverlapIndex(length, distinct, np.append(first, len(kept)).astype(np.int64), owners, totals, passes)


def _low_bits(grams: Hashes) -> NDArray[np.int64]:
    return (grams & np.uint64((1 << _FILTER_BITS) - 1)).astype(np.int64)
