"""Choose the next token of every row of a batch at once, and score it. Pure functions on tensors.

A draw depends on the row's own logits, seed and position alone, so that a seed repeats an answer in any company.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from workloads.serving.engine.base import TokenScore
from workloads.serving.engine.grammar import Constraint


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
