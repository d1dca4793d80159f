"""The different pieces of a text and how often each occurs, compiled by numba.

Not for cutting (encoding/kernel.py) or merges (merge.py).
"""

from typing import Any

import numpy as np

from workloads.text.kernels.compiled import compiled

_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits
_HALF = np.uint64(32)


@compiled
def hash_of(text: Any, start: Any, stop: Any) -> Any:
    """A hash of the bytes [start, stop)."""
    value = _FNV_BASIS
    for at in range(start, stop):
        value = (value ^ np.uint64(text[at])) * _FNV_PRIME
    return value ^ (value >> _HALF)


@compiled
def same_bytes(text: Any, start: Any, other: Any, length: Any) -> Any:
    """Whether the same `length` bytes begin at both places."""
    for at in range(length):  # noqa: SIM110  # a generator would not compile
        if text[start + at] != text[other + at]:
            return False
    return True


@compiled
def count_pieces(text: Any, start: Any, stops: Any) -> Any:
    """Where each different piece starts and stops in the text, and how often it occurs: three int64 arrays. The first piece
    begins at byte `start`, each other one where the one before stops."""
    size = 16
    while size < 2 * len(stops):
        size *= 2
    slots = np.full(size, -1, np.int64)
    starts = np.empty(len(stops), np.int64)
    ends = np.empty(len(stops), np.int64)
    counts = np.zeros(len(stops), np.int64)
    found = 0
    for stop in stops:
        slot = np.int64(hash_of(text, start, stop) & np.uint64(size - 1))
        while slots[slot] >= 0:
            piece = slots[slot]
            if ends[piece] - starts[piece] == stop - start and same_bytes(text, start, starts[piece], stop - start):
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = found
            starts[found] = start
            ends[found] = stop
            found += 1
        counts[slots[slot]] += 1
        start = stop
    return starts[:found].copy(), ends[:found].copy(), counts[:found].copy()
