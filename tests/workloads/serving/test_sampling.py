"""Sampling as pure functions: what may come out, how often, and independence of the rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from workloads.serving.engine.sampling import sample, score
from workloads.serving.engine.uniforms import uniforms


def draw(logits: Tensor, seeds: list[int], temperature: float = 1.0, top_p: float = 1.0, top_k: int = 0) -> list[int]:
    n = len(seeds)
    numbers = torch.from_numpy(uniforms(np.array(seeds, dtype=np.uint64), np.zeros(n, dtype=np.int64)))
    rows = logits.expand(n, -1) if logits.dim() == 1 else logits
    found = sample(rows, torch.full((n,), temperature), torch.full((n,), top_p), torch.full((n,), top_k), numbers)
    return [int(token) for token in found]


def test_uniform_numbers_are_uniform_and_depend_on_seed_and_draw() -> None:
    numbers = uniforms(np.arange(4000, dtype=np.uint64), np.zeros(4000, dtype=np.int64))[:, 0]
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(400, abs=90)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    stream = uniforms(np.zeros(500, dtype=np.uint64), np.arange(500)).flatten()
    assert np.histogram(stream, 10, (0, 1))[0] == pytest.approx(400, abs=90)
    assert abs(np.corrcoef(stream[:-1], stream[1:])[0, 1]) < 0.06


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.999)])
def test_tokens_come_as_often_as_their_probability_says(temperature: float, top_p: float) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 1.5])
    found = draw(logits, list(range(8000)), temperature, top_p)
    expected = (logits / temperature).softmax(-1) * 8000
    assert np.bincount(found, minlength=5) == pytest.approx(expected.numpy(), abs=160)


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    assert set(draw(logits, list(range(500)), top_p=0.7)) == {0, 1}
    assert set(draw(logits, list(range(500)), top_p=0.81)) == {0, 1, 2}
    assert set(draw(logits, list(range(500)), top_p=0.01)) == {0}


def test_top_p_over_a_nearly_flat_vocabulary() -> None:
    logits = torch.linspace(0, 1e-3, 1000)
    found = draw(logits, list(range(6000)), top_p=0.9)
    assert 800 < len(set(found)) <= 901
    assert min(found) >= 99


def test_what_is_left_of_a_flat_vocabulary_after_few_draws_is_sorted() -> None:
    logits = torch.linspace(0, 1e-3, 4000)
    assert set(draw(logits, list(range(200)), top_k=1)) == {3999}
    assert set(draw(logits, list(range(900)), top_k=3)) == {3997, 3998, 3999}


def test_top_p_and_top_k_keep_the_proportions() -> None:
    logits = torch.tensor([0.4, 0.1, 0.3, 0.15, 0.05]).log()
    found = draw(logits, list(range(8000)), top_p=0.8, top_k=3)
    assert np.bincount(found, minlength=5) == pytest.approx(np.array([0.4, 0, 0.3, 0.15, 0]) / 0.85 * 8000, abs=160)


def test_top_k_and_greedy() -> None:
    logits = torch.tensor([1.0, 5.0, 4.0, 3.0])
    assert set(draw(logits, list(range(500)), top_k=2)) == {1, 2}
    assert set(draw(logits, list(range(50)), temperature=0)) == {1}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**63), st.sampled_from([(0.0, 1.0, 0), (1.0, 1.0, 0), (0.8, 0.9, 0), (1.2, 1.0, 5), (1.0, 0.5, 3)]))
def test_a_row_does_not_depend_on_its_neighbours(seed: int, how: tuple[float, float, int]) -> None:
    generator = torch.Generator().manual_seed(seed % 2**31)
    logits = torch.randn(4, 600, generator=generator) * 3
    ways = [how, (1.0, 1.0, 0), (0.7, 0.8, 0), (0.0, 1.0, 0)]
    numbers = torch.from_numpy(uniforms(np.array([seed, 1, 2, 3], dtype=np.uint64), np.arange(4)))
    columns = [torch.tensor(values) for values in zip(*ways, strict=True)]
    together = sample(logits, columns[0], columns[1], columns[2], numbers)
    alone = sample(logits[:1], columns[0][:1], columns[1][:1], columns[2][:1], numbers[:1])
    assert int(together[0]) == int(alone[0])


def test_scores_are_log_probabilities() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 9.0]])
    found = score(logits, torch.tensor([0, 2]), 2)
    expected = logits.log_softmax(-1)
    assert found[0].logprob == pytest.approx(float(expected[0, 0]))
    assert [token for token, _ in found[0].top] == [2, 1]
    assert found[1].top[0][1] == pytest.approx(float(expected[1, 2]))
    assert score(logits, torch.tensor([0, 2]), 0)[0].top == ()
