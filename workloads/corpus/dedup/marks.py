"""A bitmap of new documents' keys (a Bloom filter), by which old documents that share none are passed over unread. It errs to one
side: what shares a key always passes. Not for the keys: cards.py."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.corpus.dedup.layout import Rows, Table
from workloads.corpus.shuffle import start

Bits = NDArray[np.uint8]

_BITS_PER_KEY = 16
_PROBES = 6
"""Bits set for each key. A document has 21 keys: of unrelated ones 2 % pass at 16 bits a key and .05 % at 32, where one probe
let 48 to 57 % pass (tests/workloads/corpus/test_dedup_marks.py measures it)."""

_FEWEST_BITS, _MOST_BITS = 16, 31  # as powers of two: at most 256 MiB
_AT_ONCE = 8  # bitmaps joined by one task
_HALF = np.uint64(32)


def bits_for(documents: int, bands: int) -> int:
    """The power of two of bits that a bitmap of so many documents' keys needs."""
    needed = max(1, documents * (bands + 1) * _BITS_PER_KEY - 1).bit_length()
    return min(max(needed, _FEWEST_BITS), _MOST_BITS)


def mark(power: int, cards: Table, bands: Rows) -> Bits:
    """The bitmap of the digests and band keys of a block's documents."""
    bitmap = np.zeros(1 << (power - 3), np.uint8)
    keys = np.concatenate([cards["first"], bands.ravel()])
    for places in _places(power, keys) if len(keys) else ():
        _set(bitmap, np.unique(places))
    return bitmap


def _set(bitmap: Bits, places: Rows) -> None:
    cells = places >> np.uint64(3)
    starts = np.flatnonzero(np.append(True, cells[1:] != cells[:-1]))
    ones = np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
    bitmap[cells[starts]] |= np.bitwise_or.reduceat(ones, starts)


def _places(power: int, keys: Rows) -> Iterator[Rows]:
    """One bit of each key after the other: steps of the upper half from the lower, which is double hashing."""
    step = keys >> _HALF | np.uint64(1)
    for probe in range(_PROBES):
        yield keys + np.uint64(probe) * step & np.uint64((1 << power) - 1)


def join_marks(*bitmaps: Bits) -> Bits:
    joined = bitmaps[0].copy()
    for bitmap in bitmaps[1:]:
        joined |= bitmap
    return joined


def joined_marks(marks: Sequence[Any]) -> Any:
    """A reference to all bitmaps in one, few at a time."""
    while len(marks) > 1:
        marks = [start(join_marks, *marks[at : at + _AT_ONCE]) for at in range(0, len(marks), _AT_ONCE)]
    return marks[0]


def marked(bitmap: Bits, keys: Rows) -> NDArray[np.bool_]:
    """Whether each of the keys is in the bitmap, or seems to be."""
    found = np.ones(len(keys), bool)
    for places in _places(len(bitmap).bit_length() + 2, keys):
        found &= bitmap[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8) & np.uint8(1) == 1
    return found
