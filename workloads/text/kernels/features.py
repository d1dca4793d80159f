"""The hashed n-grams of a text with their weights, and the sums over many texts by which a linear model is learned."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Offsets, Points
from workloads.text.kernels.compiled import compiled
from workloads.text.kernels.shingles import BASE, MIX

Buckets = NDArray[np.int32]
Values = NDArray[np.float32]
Floats = NDArray[np.float64]

_ONE, _HIGH, _WHOLE = np.uint64(1), np.uint64(30), np.uint64(64)
_ZERO, _NINE = np.uint32(0x30), np.uint32(0x39)


@compiled
def gram_features(points: Points, longest: int, bits: int) -> tuple[Buckets, Values]:
    """Of every n-gram up to `longest` its bucket of 2^bits, each bucket once in order of first place, and log(1 + count) of
    it, scaled so that the squares sum to 1. All ASCII digits are one character."""
    grams = 0
    for length in range(longest):
        grams += max(0, len(points) - length)
    most = min(grams, 1 << bits)
    size = 16
    while size < 2 * most:
        size *= 2
    slots = np.full(size, -1, np.int32)  # open addressing: place of a bucket in the answer
    buckets = np.empty(most, np.int32)
    values = np.zeros(most, np.float32)
    found = 0
    shift = _WHOLE - np.uint64(bits)
    for first in range(len(points)):
        value = np.uint64(0)
        for place in range(first, min(first + longest, len(points))):
            point = points[place]
            if _ZERO <= point <= _NINE:
                point = _ZERO
            value = (value + np.uint64(point) + _ONE) * BASE
            bucket = np.int32((value ^ value >> _HIGH) * MIX >> shift)
            slot = bucket & (size - 1)
            while slots[slot] >= 0 and buckets[slots[slot]] != bucket:
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = found
                buckets[found] = bucket
                found += 1
            values[slots[slot]] += np.float32(1)
    squares = 0.0
    for place in range(found):
        values[place] = np.log(1 + values[place])
        squares += values[place] * values[place]
    norm = np.float32(1 / np.sqrt(squares)) if squares else np.float32(0)
    return buckets[:found], values[:found] * norm


@compiled
def margins(buckets: Buckets, values: Values, offsets: Offsets, weights: Floats) -> Floats:
    """The weighted sum of each text's features, [texts]."""
    sums = np.zeros(len(offsets) - 1)
    for text in range(len(sums)):
        for place in range(offsets[text], offsets[text + 1]):
            sums[text] += values[place] * weights[buckets[place]]
    return sums


@compiled
def weighted_features(buckets: Buckets, values: Values, offsets: Offsets, factors: Floats, size: int) -> Floats:
    """The sum of all texts' features, each text times its factor, [size]."""
    sums = np.zeros(size)
    for text in range(len(offsets) - 1):
        for place in range(offsets[text], offsets[text + 1]):
            sums[buckets[place]] += values[place] * factors[text]
    return sums
