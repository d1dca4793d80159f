"""The log-probabilities that requests of a batch asked for. Not for the arithmetic (sampling.py)."""

from dataclasses import replace

import torch
from torch import Tensor

from workloads.serving.engine.base import TokenScore
from workloads.serving.engine.running import Running
from workloads.serving.engine.sampling import score


def score_prompt(row: Running, logits: Tensor) -> None:
    """Score the tokens that these logits predict, as far as they belong to the prompt that the client sent."""
    known = row.request.token_ids[row.read + 1 : row.read + 1 + logits.shape[0]]
    if known:
        ids = torch.tensor(known, device=logits.device)
        row.prompt_scores += score(logits[: len(known)], ids, row.request.sampling.prompt_logprobs or 0)


def scores_of(running: list[Running], logits: Tensor, ids: Tensor) -> dict[int, TokenScore]:
    """Of the tokens `ids` [n] chosen by logits [n, vocabulary], by row, for the rows that want any."""
    wanted = {i: row.request.sampling.logprobs for i, row in enumerate(running) if row.request.sampling.logprobs is not None}
    if not wanted:
        return {}
    rows = torch.tensor(list(wanted), device=logits.device)
    scores = score(logits[rows], ids[rows], max(k or 0 for k in wanted.values()))
    return {i: replace(each, top=each.top[: k or 0]) for (i, k), each in zip(wanted.items(), scores, strict=True)}
