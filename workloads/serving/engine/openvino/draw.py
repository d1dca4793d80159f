"""Choose the next token of every row at once, and score it, in numpy: the same rules as sampling.py has in torch, which takes
longer to import than this engine takes to start.

A draw depends on the row's own logits, seed and position alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workloads.serving.engine.base import Sampling, TokenScore

Floats = NDArray[np.float32]

_CANDIDATES = (256, 1024)
"""Best tokens looked at for top-p and top-k, first few, then more; all only where their mass does not reach."""

_DRAWS = 8
"""Draws of a row for one token, at most, as in sampling.py."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def choose(logits: Floats, samplings: Sequence[Sampling], draws: Sequence[int]) -> list[int]:
    """A token id for each row of logits [rows, vocabulary]; `draws[i]` tokens were drawn for row i before."""
    chosen = logits.argmax(-1)
    drawn = [index for index, sampling in enumerate(samplings) if sampling.temperature > 0]
    if drawn:
        numbers = uniforms([samplings[index].seed for index in drawn], [draws[index] for index in drawn])
        for index, row in zip(drawn, numbers, strict=True):
            chosen[index] = _draw(logits[index], samplings[index], row)
    found: list[int] = chosen.tolist()
    return found


def uniforms(seeds: Sequence[int], draws: Sequence[int]) -> Floats:
    """Numbers in [0, 1), [rows, draws for one token]: those of token number `draws[i]` of the stream of `seeds[i]`. SplitMix64
    (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators") without state."""
    streams = np.array([seed % 2**64 for seed in seeds], np.uint64)
    places = np.array(draws, np.uint64)[:, None] * np.uint64(_DRAWS) + np.arange(1, _DRAWS + 1, dtype=np.uint64)
    state: NDArray[np.uint64] = np.asarray(_mix(streams + _GAMMA)[:, None] + places * _GAMMA, dtype=np.uint64)
    return ((_mix(state) >> np.uint64(40)).astype(np.float32)) * np.float32(2**-24)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def _draw(logits: Floats, sampling: Sampling, numbers: Floats) -> int:
    """Invert the cumulative distribution: in order of token id, where top-k cuts off in order of probability."""
    scaled = logits / np.float32(max(sampling.temperature, 1e-4))
    weights = np.exp(scaled - scaled.max())
    probability = weights / weights.sum()
    if sampling.top_k:
        return _among_best(probability, sampling.top_p, sampling.top_k, numbers[0])
    token = _invert(probability.cumsum(), numbers[0])
    return _within(token, probability, sampling.top_p, numbers[1:]) if sampling.top_p < 1 else token


def _within(token: int, probability: Floats, top_p: float, numbers: Floats) -> int:
    """A token drawn again where it was cut off, from what is more probable than it is: that holds all that is kept."""
    for number in numbers:
        above = np.where(probability > probability[token], probability, np.float32(0))
        if above.sum() < top_p:
            return token
        probability = above
        token = _invert(probability.cumsum(), number)
    return _among_best(probability, top_p, len(probability), numbers[-1])


def _among_best(probability: Floats, top_p: float, top_k: int, number: np.float32) -> int:
    """Drawn from the sorted best, of which there is at least one."""
    vocabulary = len(probability)
    most = min(top_k, vocabulary)
    for count in (*(count for count in _CANDIDATES if count < vocabulary), vocabulary):
        ids = np.argpartition(probability, vocabulary - count)[vocabulary - count :]
        ids = ids[np.lexsort((ids, -probability[ids]))]
        reached = probability[ids].cumsum()
        if reached[-1] >= top_p or most <= count:
            break
    kept = min(most, int(np.searchsorted(reached, top_p)) + 1, len(ids))
    return int(ids[_invert(reached[:kept], number)])


def _invert(cumulative: Floats, uniform: np.float32) -> int:
    """First index whose cumulative mass exceeds `uniform` of the whole."""
    place = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    return min(place, len(cumulative) - 1)


def score(logits: Floats, token_ids: Sequence[int], top: int) -> list[TokenScore]:
    """For each row of logits [rows, vocabulary]: natural-log probability of its token and of the `top` best."""
    shifted = logits - logits.max(-1, keepdims=True)
    logprobs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return [
        TokenScore(token, float(row[token]), _best(row, top) if top else ())
        for token, row in zip(token_ids, logprobs, strict=True)
    ]


def _best(row: Floats, top: int) -> tuple[tuple[int, float], ...]:
    count = min(top, len(row))
    ids = np.argpartition(row, len(row) - count)[len(row) - count :]
    ids = ids[np.lexsort((ids, -row[ids]))]
    return tuple(zip(ids.tolist(), row[ids].tolist(), strict=True))
