"""Choose the next token of every row of a batch at once, and score it. Pure functions on tensors.

A draw depends on the row's own logits, seed and position alone, so that a seed repeats an answer in any company.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workloads.serving.engine.base import TokenScore

_CANDIDATES = (256, 1024)
"""Best tokens looked at for top-p and top-k, first few, then more; the whole vocabulary is sorted only where their mass does
not reach. For 32 rows of 4,000 logits the best 256 take 1.7 ms, a whole sort 8.2 ms (1 thread), a small model's step 10."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators")."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def uniforms(seeds: NDArray[np.uint64], draws: NDArray[np.int64]) -> NDArray[np.float32]:
    """One number in [0, 1) per row: draw number `draws[i]` of the stream of `seeds[i]`. No state is kept."""
    state = _mix(seeds + _GAMMA) + (draws.astype(np.uint64) + np.uint64(1)) * _GAMMA
    return ((_mix(state) >> np.uint64(40)).astype(np.float32)) * np.float32(2**-24)


def sample(logits: Tensor, temperature: Tensor, top_p: Tensor, top_k: Tensor, uniform: Tensor) -> Tensor:
    """Token ids [n] for logits [n, vocabulary]; the four others are [n], float32 but `top_k` int64 (0: off).

    Rows of temperature 0 are greedy. The others are drawn by inverting the cumulative distribution at `uniform`: in order
    of token id where nothing is cut off, else over the nucleus in order of probability.
    """
    greedy = logits.argmax(-1)
    scaled = logits.float() / temperature.clamp_min(1e-4)[:, None]
    cut = (top_p < 1) | (top_k > 0)
    if not bool(cut.any()):
        drawn = _draw_all(scaled, uniform)
    elif bool(cut.all()):
        drawn = _draw_nucleus(scaled, top_p, top_k, uniform)
    else:
        drawn = torch.where(cut, _draw_nucleus(scaled, top_p, top_k, uniform), _draw_all(scaled, uniform))
    return torch.where(temperature > 0, drawn, greedy)


def _draw_all(scaled: Tensor, uniform: Tensor) -> Tensor:
    return _invert(scaled.softmax(-1).cumsum(-1), uniform)


def _draw_nucleus(scaled: Tensor, top_p: Tensor, top_k: Tensor, uniform: Tensor) -> Tensor:
    vocabulary = scaled.shape[-1]
    total = scaled.logsumexp(-1, keepdim=True)
    limit = torch.where(top_k > 0, top_k, vocabulary)
    for count in (*(count for count in _CANDIDATES if count < vocabulary), vocabulary):
        values, ids = scaled.topk(count)
        probability = (values - total).exp()
        reached = probability.cumsum(-1)
        if count == vocabulary or bool(((reached[:, -1] >= top_p) | (limit <= count) | (top_p >= 1) & (top_k == 0)).all()):
            break
    rank = torch.arange(count, device=scaled.device)
    kept = (reached - probability < top_p[:, None]) & (rank < limit[:, None])
    kept[:, 0] = True
    place = _invert((probability * kept).cumsum(-1), uniform)
    place = torch.minimum(place, kept.sum(-1) - 1)
    return ids.gather(-1, place[:, None]).squeeze(-1)


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
