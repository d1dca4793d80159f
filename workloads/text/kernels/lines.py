"""The short lines of every text: where they stand, a hash of each, and whether one of given words may be in it."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Offsets, Points
from workloads.text.kernels.compiled import compiled
from workloads.text.kernels.shingles import BASE, MIX, Hashes
from workloads.text.kinds import Kind

_NEWLINE, _SPACE = 10, int(Kind.SPACE)
_ALONE, _FIRST = 1, 2
_PAIR_BITS = 0xFFFF
_SPREAD = 0x9E37
_ONE, _HIGH, _LOW = np.uint64(1), np.uint64(30), np.uint64(31)


def word_table(words: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(what a code point is for the words, which pairs of code points begin one)."""
    roles, pairs = np.zeros(0x110000, np.uint8), np.zeros(_PAIR_BITS + 1, np.bool_)
    for word in words:
        roles[ord(word[0])] |= _ALONE if len(word) == 1 else _FIRST
        if len(word) > 1:
            pairs[ord(word[0]) * _SPREAD + ord(word[1]) & _PAIR_BITS] = True
    return roles, pairs


@compiled
def hash_line(points: Points, first: int, stop: int, seed: np.uint64) -> np.uint64:
    """64 bits for a line, different for each seed."""
    value = seed
    for place in range(first, stop):
        value = value * BASE + np.uint64(points[place]) + _ONE
    value = (value ^ value >> _HIGH) * MIX
    return value ^ value >> _LOW


@compiled
def hash_texts(points: Points, offsets: Offsets) -> Hashes:
    """64 bits for each text."""
    keys = np.empty(len(offsets) - 1, np.uint64)
    for text in range(len(keys)):
        keys[text] = hash_line(points, offsets[text], offsets[text + 1], _ONE)
    return keys


@compiled
def short_lines(
    points: Points,
    offsets: Offsets,
    kinds: NDArray[np.uint8],
    seeds: Hashes,
    longest: int,
    roles: NDArray[np.uint8],
    pairs: NDArray[np.bool_],
) -> tuple[Offsets, Hashes, NDArray[np.bool_]]:
    """Of the lines of 1 to `longest` characters, white space at both ends left out: text, number in the text, first and last
    place + 1, [lines, 4]; the hash with the seed of its text; and whether a pair of characters that begins a word is in it."""
    lines = len(offsets)
    for point in points:
        lines += point == _NEWLINE
    places, keys, likely = np.empty((lines, 4), np.int64), np.empty(lines, np.uint64), np.empty(lines, np.bool_)
    found = 0
    for text in range(len(offsets) - 1):
        number = 0
        first = last = -1
        word = False
        before = np.uint32(0)
        for place in range(offsets[text], offsets[text + 1] + 1):
            point = points[place] if place < offsets[text + 1] else np.uint32(_NEWLINE)
            if point == _NEWLINE:
                if first >= 0 and last + 1 - first <= longest:
                    places[found] = (text, number, first, last + 1)
                    keys[found] = hash_line(points, first, last + 1, seeds[text])
                    likely[found] = word
                    found += 1
                number += 1
                first = last = -1
                word, before = False, np.uint32(0)
                continue
            role = roles[point]
            if role & _ALONE or (roles[before] & _FIRST and pairs[np.int64(before) * _SPREAD + np.int64(point) & _PAIR_BITS]):
                word = True
            before = point
            if kinds[point] != _SPACE:
                first = place if first < 0 else first
                last = place
    return places[:found], keys[:found], likely[:found]
