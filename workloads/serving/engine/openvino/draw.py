"""Choose the next token of every row at once, and score it, in numpy: the same rules as sampling.py has in torch, which takes
longer to import than this engine takes to start.

A draw depends on the row's own logits, seed and position alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workloads.serving.engine.base import Sampling, TokenScore
from workloads.serving.engine.uniforms import uniforms

Floats = NDArray[np.float32]

_CANDIDATES = (256, 1024)
"""Best tokens looked at for top-p and top-k, first few, then more; all only where their mass does not reach."""


def choose(logits: Floats, samplings: Sequence[Sampling], draws: Sequence[int]) -> list[int]:
    """A token id for each row of logits [rows, vocabulary]; `draws[i]` tokens were drawn for row i before."""
    chosen = logits.argmax(-1)
    drawn = [index for index, sampling in enumerate(samplings) if sampling.temperature > 0]
    if drawn:
        seeds = np.array([samplings[index].seed % 2**64 for index in drawn], np.uint64)
        numbers = uniforms(seeds, np.array([draws[index] for index in drawn], np.int64))
        for index, row in zip(drawn, numbers, strict=True):
            chosen[index] = _draw(logits[index], samplings[index], row)
    found: list[int] = chosen.tolist()
    return found


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
