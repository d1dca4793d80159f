"""The random numbers of a draw, the same in every engine: they depend on seed and position alone. No torch here."""

import numpy as np
from numpy.typing import NDArray

_DRAWS = 8
"""Draws of a row for one token, at most: so many are enough for 99.9 % of rows of a flat distribution with top-p .1. The rest
are sorted."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators")."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def uniforms(seeds: NDArray[np.uint64], draws: NDArray[np.int64]) -> NDArray[np.float32]:
    """Numbers in [0, 1), [rows, draws for one token]: those of token number `draws[i]` of the stream of `seeds[i]`. No state
    is kept."""
    draw = np.arange(1, _DRAWS + 1, dtype=np.uint64)
    places = draws.astype(np.uint64)[:, None] * np.uint64(_DRAWS) + draw
    state: NDArray[np.uint64] = np.asarray(_mix(seeds + _GAMMA)[:, None] + places * _GAMMA, dtype=np.uint64)
    return ((_mix(state) >> np.uint64(40)).astype(np.float32)) * np.float32(2**-24)
