"""Character n-grams of a text as numbers, and how much two texts share of them. Not for finding candidates (see minhash.py)."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes, Offsets

Hashes = NDArray[np.uint64]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd; 2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4)
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # finaliser of SplitMix64 (Steele, Lea and Flood 2014)


def shingle_hashes(text: str, length: int = 5) -> Hashes:
    """A 64-bit hash of every `length` characters in a row, in order; one for the whole of a shorter text, none for ''.

    Two different n-grams collide with probability 2^-64, so the hashes stand for the n-grams in what follows.
    """
    if not text:
        return np.empty(0, np.uint64)
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint64) + np.uint64(1)
    if len(codes) < length:
        codes = np.pad(codes, (0, length - len(codes)), constant_values=1)  # as if filled up with "\\0"
    count = len(codes) - length + 1
    hashes = np.zeros(count, np.uint64)
    for offset in range(length):
        hashes *= _BASE
        hashes += codes[offset : offset + count]
    hashes ^= hashes >> np.uint64(30)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(31)
    return hashes


def shingle_column(codes: Codes, length: int = 5) -> tuple[Hashes, Offsets]:
    """What `shingle_hashes` gives for each text of a column, one after the other, and where those of each begin."""
    from workloads.text.kernels.shingles import hash_shingles

    return hash_shingles(codes.points, codes.offsets, length)


def shingle_set(text: str, length: int = 5) -> Hashes:
    """The distinct hashes, sorted."""
    return np.unique(shingle_hashes(text, length))


def jaccard(left: Hashes, right: Hashes) -> float:
    """Shared over all, 0 to 1, of two sorted sets without repeats; 1 for two empty ones."""
    if not len(left) and not len(right):
        return 1.0
    merged = np.concatenate([left, right])
    merged.sort(kind="stable")
    shared = int(np.count_nonzero(merged[1:] == merged[:-1]))
    return shared / (len(merged) - shared)
