"""Hashes of the n-grams of every text, and how many n-grams of a text occurred in it before."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Offsets, Points
from workloads.text.kernels.compiled import compiled

Hashes = NDArray[np.uint64]

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd; 2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4)
MIX = np.uint64(0xBF58476D1CE4E5B9)  # finaliser of SplitMix64 (Steele, Lea and Flood 2014)
_ONE, _LOW, _HIGH = np.uint64(1), np.uint64(31), np.uint64(30)


@compiled
def hash_shingles(points: Points, offsets: Offsets, length: int) -> tuple[Hashes, Offsets]:
    """A hash of every `length` characters in a row of each text; one for the whole of a shorter text, none for an empty one."""
    begins = np.zeros(len(offsets), np.int64)
    for text in range(len(offsets) - 1):
        size = offsets[text + 1] - offsets[text]
        begins[text + 1] = begins[text] + (0 if size == 0 else max(1, size - length + 1))
    hashes = np.empty(begins[-1], np.uint64)
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1]
        for number in range(begins[text + 1] - begins[text]):
            value = np.uint64(0)
            for place in range(first + number, first + number + length):
                point = np.uint64(points[place]) if place < last else np.uint64(0)
                value = value * BASE + point + _ONE
            value = (value ^ value >> _HIGH) * MIX
            hashes[begins[text] + number] = value ^ value >> _LOW
    return hashes, begins


@compiled
def count_repeated(
    points: Points, offsets: Offsets, is_letter: NDArray[np.bool_], lengths: Offsets
) -> tuple[Offsets, Offsets, Offsets]:
    """(`repeated`, `most`, `letters`): of each text how many n-grams of its letters occurred in it before and how often the
    most frequent one occurs, both [texts, lengths], and how many letters it has.

    `lengths` ascends. What occurs once with n letters occurs once with more, so that each length looks only at the places
    whose shorter n-gram stands elsewhere too.
    """
    texts = len(offsets) - 1
    repeated, most = np.zeros((texts, len(lengths)), np.int64), np.zeros((texts, len(lengths)), np.int64)
    letters = np.zeros(texts, np.int64)
    longest = 0
    for text in range(texts):
        longest = max(longest, offsets[text + 1] - offsets[text])
    codes, hashes = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    places, slots = np.empty(longest, np.int64), np.empty(longest, np.int64)
    room = 16
    while room < 2 * longest:
        room *= 2
    keys, seen = np.empty(room, np.uint64), np.empty(room, np.uint32)
    for text in range(texts):
        size = 0
        for place in range(offsets[text], offsets[text + 1]):
            if is_letter[points[place]]:
                codes[size] = np.uint64(points[place]) + _ONE
                hashes[size] = 0
                places[size] = size
                size += 1
        letters[text] = size
        left, before = size, 0
        for which in range(len(lengths)):
            most[text, which] = size >= lengths[which]
        for which in range(len(lengths)):
            length = lengths[which]
            room = 16
            while room < 2 * left:
                room *= 2
            seen[:room] = 0
            mask = np.uint64(room - 1)
            count = 0
            for number in range(left):
                place = places[number]
                if place + length > size:
                    continue
                value = hashes[place]
                for offset in range(before, length):
                    value = value * BASE + codes[place + offset]
                hashes[place] = value
                value = (value ^ value >> _HIGH) * MIX
                value ^= value >> _LOW
                slot = value & mask
                while seen[slot] and keys[slot] != value:
                    slot = (slot + _ONE) & mask
                if seen[slot]:
                    repeated[text, which] += 1
                keys[slot] = value
                seen[slot] += 1
                most[text, which] = max(most[text, which], seen[slot])
                places[count], slots[count] = place, slot
                count += 1
            if count == 0:
                break
            before, left = length, 0
            for number in range(count):
                if seen[slots[number]] > 1:
                    places[left] = places[number]
                    left += 1
    return repeated, most, letters
