"""Figures with intervals: ratios over documents, on the same resamples for all scorers."""

import numpy as np
import pytest

from workloads.evaluation.bits import Resamples, by_source


def test_a_ratio_of_sums_not_a_mean_of_ratios() -> None:
    estimate = Resamples.draw(2, 500, seed=1).ratio(np.array([10.0, 1.0]), np.array([1.0, 10.0]))
    assert estimate.value == 1.0
    assert (estimate.low, estimate.high) == (0.1, 10.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        characters = rng.integers(50, 500, size=60).astype(float)
        bits = characters * rng.normal(3.0, 0.6, size=60)
        estimate = Resamples.draw(60, 300, seed=trial).ratio(bits, characters)
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 3.0 <= estimate.high
    assert 0.88 <= hits / 200 <= 0.99


def test_equal_seeds_give_equal_intervals_and_paired_differences_are_narrow() -> None:
    rng = np.random.default_rng(1)
    characters = rng.integers(50, 500, size=100).astype(float)
    hard = characters * rng.normal(3.0, 1.0, size=100)
    draws = Resamples.draw(100, 400, seed=5)
    mine, other = draws.ratio(hard, characters), draws.ratio(hard + 0.1 * characters, characters)
    saved = draws.ratio(0.1 * characters, characters)
    assert mine == Resamples.draw(100, 400, seed=5).ratio(hard, characters)
    assert mine.high is not None
    assert other.low is not None
    assert other.low < mine.high
    assert (saved.low, saved.high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_one_document_has_no_interval() -> None:
    estimate = Resamples.draw(1, 100, seed=0).ratio(np.array([6.0]), np.array([3.0]))
    assert (estimate.value, estimate.low, estimate.high) == (2.0, None, None)


def test_sources_are_apart() -> None:
    found = by_source(["b", "a", "b"], np.array([2.0, 9.0, 4.0]), np.array([1.0, 3.0, 2.0]), 200, seed=0)
    assert list(found) == ["a", "b"]
    assert (found["a"].value, found["a"].low) == (3.0, None)
    assert found["b"].value == 2.0
