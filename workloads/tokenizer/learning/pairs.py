"""Pairs of tokens by number, how often each occurs, and the words that hold it; compiled. Not for their order: queue.py."""

from typing import Any, NamedTuple

import numpy as np

from workloads.text.kernels.compiled import compiled
from workloads.tokenizer.learning.arrays import longer

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_HALF = np.uint64(32)
_NOTHING = -1


class Pairs(NamedTuple):
    """By number of a pair: its tokens (left << 32 | right), how often it occurs, the first of its new places; and the open hash
    table of numbers, less than half full."""

    slots: Any
    keys: Any
    totals: Any
    firsts: Any


class Places(NamedTuple):
    """Chains of words that hold a pair: the word, and the next place of the chain."""

    words: Any
    following: Any


@compiled
def slot_for(key: Any, slots: Any, keys: Any) -> Any:
    """Where in the table the number of this pair is, or would be."""
    mask = np.uint64(len(slots) - 1)
    at = ((key * _SPREAD) >> _HALF) & mask
    while slots[at] != _NOTHING and keys[slots[at]] != key:
        at = (at + np.uint64(1)) & mask
    return at


@compiled
def number_of(key: Any, pairs: Any, count: Any) -> Any:
    """The number of a pair, the pairs with room for it, and how many there are with it."""
    slot = slot_for(key, pairs.slots, pairs.keys)
    if pairs.slots[slot] != _NOTHING:
        return pairs.slots[slot], pairs, count
    if count == len(pairs.keys):
        keys = longer(pairs.keys)
        slots = np.full(4 * len(keys), _NOTHING, np.int64)
        for pair in range(count):
            slots[slot_for(keys[pair], slots, keys)] = pair
        pairs = Pairs(slots, keys, longer(pairs.totals), longer(pairs.firsts))
        slot = slot_for(key, pairs.slots, pairs.keys)
    pairs.slots[slot] = count
    pairs.keys[count] = key
    pairs.totals[count] = 0
    pairs.firsts[count] = _NOTHING
    return count, pairs, count + 1


@compiled
def with_place(places: Any, at: Any, word: Any, following: Any) -> Any:
    """The places with one more, numbered `at`."""
    if at == len(places.words):
        places = Places(longer(places.words), longer(places.following))
    places.words[at] = word
    places.following[at] = following
    return places
