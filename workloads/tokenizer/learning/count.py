"""The different pieces of a text and how often each occurs, compiled by numba.

Not for merges: see merge.py.
"""

from typing import Any

import numpy as np

from workloads.text.kernels.compiled import compiled
from workloads.tokenizer.encoding.kernel import piece_end

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
    for at in range(length):
        if text[start + at] != text[other + at]:
            return False
    return True


@compiled
def number_of_pieces(text: Any, bounds: Any, classes: Any, han_run: Any) -> Any:
    """How many pieces the texts have; the arguments are those of `kernel.encode_texts`."""
    count = 0
    for document in range(len(bounds) - 1):
        at = bounds[document]
        while at < bounds[document + 1]:
            at = piece_end(text, at, bounds[document + 1], classes, han_run)
            count += 1
    return count


@compiled
def count_pieces(text: Any, bounds: Any, classes: Any, han_run: Any) -> Any:
    """Where each different piece starts and stops in the text, and how often it occurs: three int64 arrays."""
    most = number_of_pieces(text, bounds, classes, han_run)
    size = 16
    while size < 2 * most:
        size *= 2
    slots = np.full(size, -1, np.int64)
    starts = np.empty(most, np.int64)
    stops = np.empty(most, np.int64)
    counts = np.zeros(most, np.int64)
    found = 0
    for document in range(len(bounds) - 1):
        at = bounds[document]
        while at < bounds[document + 1]:
            stop = piece_end(text, at, bounds[document + 1], classes, han_run)
            slot = np.int64(hash_of(text, at, stop) & np.uint64(size - 1))
            while slots[slot] >= 0:
                piece = slots[slot]
                if stops[piece] - starts[piece] == stop - at and same_bytes(text, at, starts[piece], stop - at):
                    break
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = found
                starts[found] = at
                stops[found] = stop
                found += 1
            counts[slots[slot]] += 1
            at = stop
    return starts[:found].copy(), stops[:found].copy(), counts[:found].copy()
