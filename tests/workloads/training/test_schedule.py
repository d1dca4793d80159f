"""The learning rate's curve, and the number of steps where time or a flat loss decides it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.training.schedule import UNDECIDED, Planner, decay_steps, learning_rate
from workloads.training.spec import Schedule, TrainingSpec

PEAK = 0.01


def _spec(**values: object) -> TrainingSpec:
    return TrainingSpec.model_validate({"learning_rate": PEAK, "warmup_steps": 10, **values})


def test_warm_up_is_linear_and_reaches_the_peak() -> None:
    rates = [learning_rate(_spec(), step, 100) for step in range(10)]
    assert rates == pytest.approx([PEAK * (step + 1) / 10 for step in range(10)])


def test_wsd_stays_at_the_peak_and_then_decays_like_one_minus_the_root() -> None:
    spec = _spec(decay_share=0.25)
    assert {learning_rate(spec, step, 100) for step in range(10, 76)} == {PEAK}
    assert learning_rate(spec, 75 + 4, 100) == pytest.approx(PEAK * (1 - math.sqrt(4 / 25)))


def test_cosine_is_half_way_down_in_the_middle() -> None:
    spec = _spec(schedule="cosine", final_share=0.1)
    assert learning_rate(spec, 55, 100) == pytest.approx(PEAK * (0.1 + 0.9 * 0.5))
    assert learning_rate(spec, 100, 100) == pytest.approx(0.1 * PEAK)


def test_linear_falls_by_the_same_amount_each_step() -> None:
    spec = _spec(schedule="linear", final_share=0.2)
    assert learning_rate(spec, 55, 100) == pytest.approx(PEAK * (0.2 + 0.8 * 0.5))
    assert learning_rate(spec, 100, 100) == pytest.approx(0.2 * PEAK)


@given(
    schedule=st.sampled_from(["wsd", "cosine", "linear", "constant"]),
    total=st.integers(1, 500),
    warmup=st.integers(0, 60),
    share=st.floats(0, 0.9),
    floor=st.floats(0, 1),
)
def test_a_rate_is_never_above_the_peak_nor_negative_and_falls_after_warm_up(
    schedule: Schedule, total: int, warmup: int, share: float, floor: float
) -> None:
    spec = _spec(schedule=schedule, warmup_steps=warmup, decay_share=share, final_share=floor)
    rates = [learning_rate(spec, step, total) for step in range(total)]
    assert all(0 <= rate <= PEAK for rate in rates)
    assert all(a >= b for a, b in zip(rates[warmup:], rates[warmup + 1 :], strict=False))


def test_without_time_or_patience_the_limit_is_the_total_from_the_start() -> None:
    assert Planner(_spec(), 80).total_at_start() == 80
    assert Planner(_spec(minutes=1), 80).total_at_start() == UNDECIDED
    assert Planner(_spec(stop_when_flat=2), 80).total_at_start() == UNDECIDED


def _run(spec: TrainingSpec, limit: int, speeds: list[float]) -> tuple[int, float]:
    """(total, seconds) of a run whose step s takes speeds[min(s, last)] seconds."""
    planner, seconds, first, total, step = Planner(spec, limit), 0.0, 0.0, UNDECIDED, 0
    while total == UNDECIDED or step < total:
        total = planner.total(step, seconds, first, flat=False, decided=total) or total
        seconds += speeds[min(step, len(speeds) - 1)]
        first = first or seconds
        step += 1
        total = max(total, step) if total != UNDECIDED else total
    return total, seconds


@pytest.mark.parametrize("schedule", ["wsd", "cosine", "constant"])
def test_a_wall_clock_limit_ends_in_time_with_a_decayed_rate(schedule: Schedule) -> None:
    spec = _spec(minutes=2, schedule=schedule)
    total, seconds = _run(spec, limit=10**6, speeds=[5.0, 0.1])
    assert 115 <= seconds <= 121
    assert total == pytest.approx(1150, rel=0.02)
    if schedule != "constant":
        assert learning_rate(spec, total - 1, total) < 0.1 * PEAK


def test_wsd_fixes_its_length_late_so_that_a_slower_machine_still_ends_in_time() -> None:
    slower = [0.1] * 500 + [0.2]  # half the speed after 50 s
    _, wsd = _run(_spec(minutes=2), 10**6, slower)
    _, cosine = _run(_spec(minutes=2, schedule="cosine"), 10**6, slower)
    assert wsd < 135
    assert cosine > 180  # known from its first steps only


@pytest.mark.parametrize("schedule", ["wsd", "cosine", "constant"])
def test_the_limit_of_steps_holds_where_it_comes_before_the_time(schedule: Schedule) -> None:
    total, _ = _run(_spec(minutes=60, schedule=schedule), limit=300, speeds=[0.1])
    assert total == 300


def test_a_limit_shorter_than_the_calibration_still_ends() -> None:
    assert _run(_spec(minutes=60), limit=3, speeds=[0.1])[0] == 3
    assert _run(_spec(minutes=0.001), limit=10**6, speeds=[1.0])[0] <= 2


def test_a_flat_loss_begins_the_decay() -> None:
    spec = _spec(stop_when_flat=2, decay_share=0.2)
    planner = Planner(spec, 10_000)
    assert planner.total(400, 40.0, 0.1, flat=False) == UNDECIDED
    total = planner.total(400, 40.0, 0.1, flat=True)
    assert total == 500
    assert decay_steps(spec, total) == 100
    assert planner.total(450, 45.0, 0.1, flat=True, decided=500) == UNDECIDED
    assert planner.total(8_000, 800.0, 0.1, flat=False) == 10_000


def test_a_flat_loss_ends_a_cosine_although_its_length_was_known() -> None:
    planner = Planner(_spec(stop_when_flat=2, schedule="cosine"), 10_000)
    assert planner.total(0, 0.0, 0.0, flat=False) == 10_000
    assert planner.total(400, 40.0, 0.1, flat=True, decided=10_000) == 400
