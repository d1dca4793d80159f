"""A character n-gram model in one hashed array: its making, and the bits of a text.

An entry is 64 bits, 0 where the slot is free: 31 bits of the n-gram's hash and a set bit, 16 bits for what its last character
costs after the others, 16 bits for what is added where the n-gram is a context in which the next character was not seen.
Both are fixed-point numbers of bits, 2,047 to the bit. A slot is looked for from the hash on; different n-grams are taken for
the same by a chance of about 2^-31 a lookup. A backing-off model in hashed arrays: Heafield 2011, "KenLM".
"""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Points
from workloads.text.kernels.compiled import compiled
from workloads.text.kernels.shingles import BASE, MIX

Hashes = NDArray[np.uint64]

PER_BIT = 2047.0
MOST_BITS = 32.0
_ONE, _HIGH, _LOW, _HALF = np.uint64(1), np.uint64(30), np.uint64(31), np.uint64(32)
_VALUE, _COST = np.uint64(0xFFFF), np.uint64(16)


@compiled
def extend(value: np.uint64, symbol: np.uint64) -> np.uint64:
    """The running hash of an n-gram, read from its last character to its first; symbol 0 begins a text, else code point + 1."""
    return (value + symbol + _ONE) * BASE


@compiled
def finish(value: np.uint64) -> np.uint64:
    """A running hash with all bits mixed."""
    value = (value ^ value >> _HIGH) * MIX
    return value ^ value >> _LOW


@compiled
def find(table: Hashes, hash_: np.uint64) -> np.uint64:
    """The entry, or 0."""
    mask = np.uint64(len(table) - 1)
    slot, check = hash_ & mask, hash_ >> _HALF | _ONE
    while table[slot] != 0:
        if table[slot] >> _HALF == check:
            break
        slot = (slot + _ONE) & mask
    entry: np.uint64 = table[slot]
    return entry


@compiled
def fill(table: Hashes, running: Hashes, values: Hashes) -> None:
    """Put n-grams, by their running hashes, with their two values of 16 bits, into free slots of the table."""
    mask = np.uint64(len(table) - 1)
    for number in range(len(running)):
        hash_ = finish(running[number])
        slot = hash_ & mask
        while table[slot] != 0:
            slot = (slot + _ONE) & mask
        table[slot] = (hash_ >> _HALF | _ONE) << _HALF | values[number]


@compiled
def bits_of(points: Points, table: Hashes, order: int, unseen: float) -> float:
    """Bits of a text: of each character after the longest context that was seen before it. Every n-gram of the table has its
    beginning and its end in the table too."""
    added = np.zeros(order + 1)  # by contexts of each length that end before the character
    coming = np.zeros(order + 1)
    added[1] = np.float64(find(table, finish(extend(np.uint64(0), np.uint64(0)))) & _VALUE)
    known = 1  # length of the longest context
    total = 0.0
    for place in range(len(points)):
        value = np.uint64(0)
        cost = unseen * PER_BIT
        matched = 0
        for length in range(1, min(order, known + 1) + 1):
            at = place - length + 1
            value = extend(value, np.uint64(points[at]) + _ONE if at >= 0 else np.uint64(0))
            entry = find(table, finish(value))
            if entry == 0:
                break
            matched = length
            cost = np.float64(entry >> _COST & _VALUE)
            coming[length] = np.float64(entry & _VALUE)
        for length in range(max(matched, 1), known + 1):
            cost += added[length]
        total += cost
        known = min(matched, order - 1)
        added, coming = coming, added
    return total / PER_BIT
