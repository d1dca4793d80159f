"""n-grams of code points as numbers, and how often they come again."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.kinds import Codes

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd; 2^64 over the golden ratio


def gram_hashes(letters: Codes, length: int) -> NDArray[np.uint64]:
    """A 64-bit hash of every n-gram, in order; none where there are fewer letters. Different ones are equal by a chance of
    2^-64 only."""
    count = len(letters) - length + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    hashes = np.zeros(count, np.uint64)
    for offset in range(length):
        hashes *= _BASE
        hashes += letters[offset : offset + count]
    return hashes


def most_frequent(letters: Codes, length: int) -> int:
    """How often the most frequent n-gram occurs; 0 where there is none."""
    hashes = _pairs(letters) if length == 2 else gram_hashes(letters, length)
    if not len(hashes):
        return 0
    hashes.sort()
    ends = np.flatnonzero(hashes[1:] != hashes[:-1])
    return int(np.diff(ends, prepend=-1, append=len(hashes) - 1).max())


def _pairs(letters: Codes) -> NDArray[np.uint32] | NDArray[np.uint64]:
    """Every pair as one number; in 32 bits, which sort in half the time, where no letter is beyond the first plane."""
    if len(letters) > 1 and int(letters.max()) <= 0xFFFF:
        return (letters[:-1] << np.uint32(16)) | letters[1:]
    return gram_hashes(letters, 2)


def said_before(letters: Codes, length: int) -> int:
    """How many n-grams occurred earlier in the text."""
    hashes = gram_hashes(letters, length)
    hashes.sort()
    return int(np.count_nonzero(hashes[1:] == hashes[:-1]))


def all_said_before(letters: Codes, lengths: range) -> dict[int, int]:
    """`said_before` of every length. An n-gram that comes twice begins with a shorter one that does, so each length looks
    only at the places that the one before has left."""
    found: dict[int, int] = {}
    hashes = gram_hashes(letters, lengths.start)
    places = np.arange(len(hashes))
    for length in lengths:
        if length > lengths.start:
            fits = places + length <= len(letters)
            places, hashes = places[fits], hashes[fits]
            hashes = hashes * _BASE + letters[places + length - 1]
        order = np.argsort(hashes)
        ordered = hashes[order]
        again = np.zeros(len(ordered), bool)
        again[1:] = ordered[1:] == ordered[:-1]
        found[length] = int(np.count_nonzero(again))
        again[:-1] |= again[1:]
        places, hashes = places[order[again]], ordered[again]
    return found
