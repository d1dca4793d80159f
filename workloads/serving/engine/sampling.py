"""Choose the next token of every row of a batch at once, and score it. Pure functions on tensors.

A draw depends on the row's own logits, seed and position alone, so that a seed repeats an answer in any company.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workloads.serving.engine.base import TokenScore
from workloads.serving.engine.grammar import Constraint

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


def sample(logits: Tensor, temperature: Tensor, top_p: Tensor, top_k: Tensor, uniform: Tensor) -> Tensor:
    """Token ids [n] for logits [n, vocabulary]; `uniform` is [n, draws], the others [n], float32 but `top_k` int64 (0: off).

    Rows of temperature 0 are greedy. The others are drawn by inverting the cumulative distribution. `top_k` keeps tokens with
    fewer than k more probable ones, `top_p` those with less than p of the mass in more probable ones.
    """
    greedy = logits.argmax(-1)
    probability = (logits.float() / temperature.clamp_min(1e-4)[:, None]).softmax(-1)
    drawn = _invert(probability.cumsum(-1), uniform[:, 0])
    rows = ((temperature > 0) & (top_k > 0)).nonzero().squeeze(-1)
    if len(rows):
        drawn[rows] = _among_best(probability[rows], top_p[rows], top_k[rows], uniform[rows, 0])
    rows = ((temperature > 0) & (top_k == 0) & (top_p < 1)).nonzero().squeeze(-1)
    if len(rows):
        drawn[rows] = _within(drawn[rows], probability[rows], top_p[rows], uniform[rows, 1:])
    return torch.where(temperature > 0, drawn, greedy)


def masked(logits: Tensor, constraints: Mapping[int, Constraint]) -> Tensor:
    """The logits [rows, vocabulary] with minus infinity for what the constraints of some rows forbid."""
    rows = torch.tensor(list(constraints), device=logits.device)
    allowed = torch.from_numpy(np.stack([each.allowed(logits.shape[1]) for each in constraints.values()])).to(logits.device)
    return logits.index_copy(0, rows, logits[rows].masked_fill_(~allowed, -torch.inf))


def _within(token: Tensor, probability: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Tokens drawn again where they were cut off, from what is more probable than they are: that holds all that is kept, so
    nothing is sorted (as FlashInfer draws on GPUs, arXiv 2501.01005)."""
    rows = torch.arange(token.shape[0], device=token.device)
    for number in uniform.unbind(-1):
        above = probability.where(probability > probability.gather(-1, token[rows, None]), 0)
        cut = (above.sum(-1) >= top_p).nonzero().squeeze(-1)
        if not len(cut):
            return token
        rows, probability, top_p = rows[cut], above[cut], top_p[cut]
        token[rows] = _invert(probability.cumsum(-1), number[rows])
    token[rows] = _among_best(probability, top_p, torch.full_like(rows, probability.shape[-1]), uniform[rows, -1])
    return token


def _among_best(probability: Tensor, top_p: Tensor, top_k: Tensor, uniform: Tensor) -> Tensor:
    """Drawn from the sorted best."""
    values, ids = probability.topk(min(int(top_k.max()), probability.shape[-1]))
    rank = torch.arange(values.shape[-1], device=ids.device)
    kept = (values.cumsum(-1) - values < top_p[:, None]) & (rank < top_k[:, None])
    place = _invert((values * kept).cumsum(-1), uniform)
    return ids.gather(-1, torch.minimum(place, kept.sum(-1) - 1)[:, None]).squeeze(-1)


def _invert(cumulative: Tensor, uniform: Tensor) -> Tensor:
    """First index whose cumulative mass exceeds `uniform` of the whole."""
    target = uniform[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).squeeze(-1).clamp_max(cumulative.shape[-1] - 1)


def score(logits: Tensor, token_ids: Tensor, top: int) -> list[TokenScore]:
    """For each row of logits [n, vocabulary]: natural-log probability of `token_ids[n]` and of the `top` best."""
    logprobs = logits.float().log_softmax(-1)
    chosen = logprobs.gather(-1, token_ids[:, None]).squeeze(-1).tolist()
    if not top:
        return [TokenScore(token, value) for token, value in zip(token_ids.tolist(), chosen, strict=True)]
    values, ids = logprobs.topk(min(top, logprobs.shape[-1]))
    best = [tuple(zip(row, row_values, strict=True)) for row, row_values in zip(ids.tolist(), values.tolist(), strict=True)]
    return [TokenScore(token, value, row) for token, value, row in zip(token_ids.tolist(), chosen, best, strict=True)]
