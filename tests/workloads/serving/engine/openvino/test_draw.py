"""Choosing tokens in numpy: against what torch's own rules choose, and against the distribution itself."""

import numpy as np
import pytest
import torch

from workloads.serving.engine.base import Sampling
from workloads.serving.engine.openvino.draw import choose, score
from workloads.serving.engine.sampling import sample
from workloads.serving.engine.sampling import score as score_in_torch
from workloads.serving.engine.uniforms import uniforms

RULES = [
    Sampling(temperature=0),
    Sampling(temperature=1.0),
    Sampling(temperature=0.7, top_p=0.9),
    Sampling(temperature=1.3, top_k=5),
    Sampling(temperature=1.0, top_p=0.8, top_k=40),
    Sampling(temperature=0.9, top_p=0.0001),
]


def logits(rows: int, vocabulary: int, spread: float = 2.0) -> np.ndarray:
    return np.random.default_rng(rows).normal(0, spread, (rows, vocabulary)).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("vocabulary", [50, 3000])
def test_the_same_seed_chooses_the_same_tokens_as_the_torch_engine(rule: Sampling, vocabulary: int) -> None:
    rows = 64
    given = logits(rows, vocabulary)
    rules = [Sampling(rule.temperature, rule.top_p, rule.top_k, seed=seed) for seed in range(rows)]
    drawn = torch.from_numpy(uniforms(np.arange(rows, dtype=np.uint64), np.full(rows, 3)))
    columns = [torch.full((rows,), value) for value in (rule.temperature, rule.top_p)]
    expected = sample(torch.from_numpy(given), *columns, torch.full((rows,), rule.top_k), drawn).tolist()
    found = choose(given, rules, [3] * rows)
    assert sum(a != b for a, b in zip(expected, found, strict=True)) <= 1, "one draw may fall on a border of rounding"


def test_draws_follow_the_distribution() -> None:
    row = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    draws = 4000
    found = choose(np.tile(row, (draws, 1)), [Sampling(seed=7)] * draws, range(draws))
    assert np.bincount(found, minlength=4) / draws == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)


def test_a_flat_distribution_looks_beyond_the_first_candidates() -> None:
    flat = np.zeros((200, 3000), np.float32)
    found = choose(flat, [Sampling(top_p=0.9, seed=seed) for seed in range(200)], [0] * 200)
    assert len(set(found)) > 150


def test_scores_are_those_of_torch() -> None:
    given = logits(3, 500)
    expected = score_in_torch(torch.from_numpy(given), torch.tensor([4, 499, 0]), 5)
    for mine, theirs in zip(score(given, [4, 499, 0], 5), expected, strict=True):
        assert mine.token_id == theirs.token_id
        assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-5)
        assert [token for token, _ in mine.top] == [token for token, _ in theirs.top]
    assert score(given, [1, 2, 3], 0)[0].top == ()
    assert len(score(given, [1, 2, 3], 9999)[0].top) == 500
