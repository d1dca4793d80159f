"""The law itself and the fit of it, on made runs whose constants are known."""

import math

import numpy as np
import pytest

from cluster.errors import TrainingError
from workloads.training.planning.law import PUBLISHED, FittedLaw, Law, worth
from workloads.training.planning.regress import Point, fit_law

KNOWN = Law(1.9, 120.0, 900.0, 0.31, 0.39)


def runs(law: Law, noise: float = 0.0, sizes: int = 4, amounts: int = 4) -> list[Point]:
    generator = np.random.default_rng(3)
    return [
        Point(size, tokens, law.loss(size, tokens) * math.exp(noise * generator.standard_normal()))
        for size in (300_000 * 3**n for n in range(sizes))
        for tokens in (500_000 * 4**n for n in range(amounts))
    ]


def test_known_constants_are_found_again() -> None:
    found = fit_law(runs(KNOWN, sizes=7, amounts=7)).best
    assert found.floor == pytest.approx(KNOWN.floor, rel=0.03)
    assert found.model_power == pytest.approx(KNOWN.model_power, abs=0.01)
    assert found.data_power == pytest.approx(KNOWN.data_power, abs=0.01)
    assert found.model_scale == pytest.approx(KNOWN.model_scale, rel=0.15)


@pytest.mark.parametrize("law", [KNOWN, PUBLISHED, Law(3.0, 60.0, 2500.0, 0.25, 0.42)])
def test_a_larger_model_than_any_measured_lies_in_the_interval(law: Law) -> None:
    fitted = fit_law(runs(law, noise=0.004, sizes=3, amounts=3))
    truth = law.loss(20_000_000, 40_000_000)
    expected = fitted.expect(20_000_000, 40_000_000)
    assert expected.low < truth < expected.high
    assert expected.high / expected.low < 1.5


def test_one_wrong_run_does_not_bend_the_fit() -> None:
    points = runs(KNOWN, sizes=4, amounts=4)
    wrong = [*points[:5], Point(points[5].parameters, points[5].tokens, 3 * points[5].loss), *points[6:]]
    assert fit_law(wrong).best.loss(3e7, 1e8) == pytest.approx(KNOWN.loss(3e7, 1e8), rel=0.03)


def test_the_interval_is_wider_further_out_and_with_more_noise() -> None:
    def width(fitted: FittedLaw, size: float) -> float:
        expected = fitted.expect(size, 20 * size)
        return expected.high / expected.low

    quiet, loud = fit_law(runs(KNOWN, 0.002)), fit_law(runs(KNOWN, 0.02))
    assert width(quiet, 1e6) < width(quiet, 1e9)
    assert width(quiet, 1e6) < width(loud, 1e6)


def test_the_same_runs_give_the_same_law() -> None:
    assert fit_law(runs(KNOWN, 0.01), seed=4) == fit_law(runs(KNOWN, 0.01), seed=4)


@pytest.mark.parametrize(
    "points",
    [
        runs(KNOWN)[:3],
        [Point(1000, 10 * n, 3.0) for n in range(1, 6)],
        [Point(1000 * n, 10, 3.0) for n in range(1, 6)],
    ],
)
def test_too_little_is_refused(points: list[Point]) -> None:
    with pytest.raises(TrainingError, match="do not fix a law"):
        fit_law(points)


def test_repeated_tokens_are_worth_less_and_four_passes_nearly_all() -> None:
    assert worth(90, 100) == 90
    assert 0.9 * 400 < worth(400, 100) < 400
    assert 0.6 * 1600 < worth(1600, 100) < 0.7 * 1600
    assert worth(1e6, 100) == pytest.approx(100 * 16.39)
