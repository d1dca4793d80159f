"""What a step owns: without gap or overlap, whatever it grows from and whoever takes part."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.training.step_plan import StepPlan


@st.composite
def plans(draw: st.DrawFn) -> StepPlan:
    whole = draw(st.integers(1, 64))
    return StepPlan(whole, draw(st.integers(1, whole)), draw(st.integers(1, whole)), draw(st.integers(0, 40)))


@given(plans(), st.integers(0, 60), st.integers(1, 20))
def test_micro_batches_tile_a_step(plan: StepPlan, step: int, participants: int) -> None:
    per_participant = [plan.micro_batches(step, each, participants) for each in range(participants)]
    ranges = sorted(piece for pieces in per_participant for piece in pieces)
    positions = [position for start, stop in ranges for position in range(start, stop)]
    assert positions == list(range(*plan.positions(step)))
    assert all(stop - start <= plan.micro_batch for start, stop in ranges)
    assert step < plan.growing_steps or len(ranges) == plan.count


@given(plans())
def test_steps_grow_evenly_from_the_first_batch_to_the_whole(plan: StepPlan) -> None:
    rows = [stop - start for start, stop in map(plan.positions, range(plan.growing_steps + 3))]
    assert rows[plan.growing_steps :] == [plan.global_batch] * 3
    assert all(plan.first_batch <= each <= plan.global_batch for each in rows[: plan.growing_steps])
    assert all(after >= before - 1 for before, after in pairwise(rows))
    if plan.growing_steps:
        assert rows[0] == plan.first_batch
        even = [
            plan.first_batch + (plan.global_batch - plan.first_batch) * s / plan.growing_steps
            for s in range(plan.growing_steps)
        ]
        assert all(abs(each - wanted) <= 1 for each, wanted in zip(rows, even, strict=False))


@given(plans(), st.integers(0, 3000))
def test_steps_are_found_by_rows(plan: StepPlan, rows: int) -> None:
    steps = plan.steps_for(rows)
    assert plan.start(steps) >= rows
    assert steps == 0 or plan.start(steps - 1) < rows
    within = plan.steps_within(rows)
    assert plan.start(within) <= rows < plan.start(within + 1)


@given(plans(), st.integers(1, 20))
def test_everyone_has_work_in_a_growing_step_as_far_as_there_are_rows(plan: StepPlan, participants: int) -> None:
    for step in range(plan.growing_steps):
        start, stop = plan.positions(step)
        busy = sum(bool(plan.micro_batches(step, each, participants)) for each in range(participants))
        assert 2 * busy >= min(participants, stop - start)


def test_a_step_that_does_not_grow_is_a_product() -> None:
    plan = StepPlan(6, 4)
    assert [plan.positions(step) for step in (0, 1, 7)] == [(0, 6), (6, 12), (42, 48)]


def test_what_each_growing_step_owns_is_frozen() -> None:
    """A checkpoint's step means these rows: a change here would make old steps own others."""
    plan = StepPlan(10, 4, 2, 5)
    assert [plan.start(step) for step in range(8)] == [0, 2, 5, 10, 17, 26, 36, 46]
    assert plan.micro_batches(2, 1, 3) == [(7, 9)]


def test_a_micro_batch_goes_to_participant_m_mod_w() -> None:
    plan = StepPlan(10, 3)
    assert plan.micro_batches(2, 0, 2) == [(20, 23), (26, 29)]
    assert plan.micro_batches(2, 1, 2) == [(23, 26), (29, 30)]
    assert plan.micro_batches(0, 5, 6) == []  # more participants than micro-batches


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="micro-batches"):
        StepPlan(4, 5)
    with pytest.raises(ValueError, match="grow from 5 to 4"):
        StepPlan(4, 2, 5, 3)
    with pytest.raises(ValueError, match="grow from 0 to 4"):
        StepPlan(4, 2, 0, 3)
    with pytest.raises(ValueError, match="participant"):
        StepPlan(4, 2).micro_batches(0, 2, 2)
