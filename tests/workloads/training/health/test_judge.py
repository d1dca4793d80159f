"""What is no number, what is a spike, and what only looks like one."""

import math

import pytest

from workloads.training.health.judge import Recent, judge, remembered, robust_score
from workloads.training.health.spec import HealthSpec

SPEC = HealthSpec(window=16)
CALM: Recent = tuple((3.0 + 0.02 * (n % 5), 0.5 + 0.05 * (n % 3)) for n in range(16))


@pytest.mark.parametrize(
    ("loss", "norm", "reason"),
    [
        (math.nan, 0.5, "loss is no number"),
        (math.inf, 0.5, "loss is no number"),
        (3.0, math.nan, "gradient is no number"),
        (3.0, math.inf, "gradient is no number"),
        (4.0, 0.5, "loss spike"),
        (3.0, 40.0, "gradient spike"),
        (3.1, 0.7, ""),
        (1.0, 0.001, ""),  # much better is no fault
    ],
)
def test_verdicts(loss: float, norm: float, reason: str) -> None:
    verdict = judge(SPEC, CALM, loss, norm)
    assert verdict.reason == reason
    assert verdict.good == (not reason)


def test_without_enough_steps_before_only_numbers_are_asked_for() -> None:
    assert judge(SPEC, CALM[:3], 400.0, 1e6).good
    assert judge(SPEC, CALM[:4], 400.0, 1e6).reason == "loss spike"
    assert not judge(SPEC, (), math.nan, 1.0).good


def test_a_score_of_zero_asks_for_numbers_alone() -> None:
    assert judge(HealthSpec(window=16, spike_score=0), CALM, 400.0, 1e6).good


def test_the_score_is_that_of_the_definition() -> None:
    others = [1.0, 2.0, 3.0, 4.0, 100.0]  # median 3, median absolute deviation 1
    assert robust_score(6.0, others) == pytest.approx(3 / 1.4826)
    assert robust_score(0.0, others) < 0


def test_rows_learnt_by_heart_have_no_spread_and_no_spikes() -> None:
    flat: Recent = ((0.01, 1e-4),) * 16
    assert judge(SPEC, flat, 0.0105, 1.2e-4).good
    assert judge(SPEC, flat, 0.9, 5.0).good
    assert not judge(SPEC, flat, math.nan, 1.0).good


def test_a_small_rise_is_no_spike_however_still_it_was_before() -> None:
    still: Recent = ((2.0, 0.5),) * 16
    assert judge(SPEC, still, 2.4, 0.5).good
    assert judge(SPEC, still, 2.6, 0.5).reason == "loss spike"


def test_a_steady_fall_has_no_spikes() -> None:
    recent: Recent = ()
    for step in range(200):
        loss, norm = 9 * math.exp(-step / 40) + 2, 3 * math.exp(-step / 30) + 0.3
        assert judge(SPEC, recent, loss, norm).good
        recent = remembered(SPEC, recent, loss, norm)
    assert len(recent) == 16
