"""The order: a bijection per epoch, local, the same for every cut, and exactly once whatever is killed or resized."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.training.order import LedgerLine, RowOrder, digest_rows, first_fault, tiles
from workloads.training.step_plan import StepPlan

sizes = st.integers(1, 3000)
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)  # the machine may be busy; a timing is no test
settings.load_profile("unhurried")
seeds = st.integers(0, 2**63)
blocks = st.sampled_from([1, 2, 3, 7, 64, 1000, 1024])


@given(sizes, seeds, blocks, st.integers(0, 5))
def test_every_epoch_is_a_permutation(size: int, seed: int, block: int, epoch: int) -> None:
    rows = RowOrder(size, seed, block).rows(epoch * size, (epoch + 1) * size)
    assert np.array_equal(np.sort(rows), np.arange(size))


@given(sizes, seeds, blocks, st.data())
def test_a_range_is_the_same_however_it_is_cut(size: int, seed: int, block: int, data: st.DataObject) -> None:
    order = RowOrder(size, seed, block)
    cuts = sorted(data.draw(st.lists(st.integers(0, 3 * size), min_size=2, max_size=6)))
    whole = order.rows(cuts[0], cuts[-1])
    pieces = [order.rows(start, stop) for start, stop in pairwise(cuts)]
    assert np.array_equal(whole, np.concatenate(pieces))
    if len(whole):
        at = data.draw(st.integers(0, len(whole) - 1))
        assert order.row(cuts[0] + at) == whole[at]


@given(st.integers(1, 3000), seeds, st.sampled_from([1, 7, 64, 256]), st.data())
def test_reads_stay_local(size: int, seed: int, block: int, data: st.DataObject) -> None:
    """A window of one block's length touches at most three blocks (two, and the short one between them)."""
    start = data.draw(st.integers(0, max(0, size - block)))
    rows = RowOrder(size, seed, block).rows(start, min(size, start + block))
    assert len(np.unique(rows // block)) <= 3


def test_rows_of_a_block_come_before_the_next_block() -> None:
    visited = RowOrder(10 * 64 + 5, 3, 64).rows(0, 10 * 64 + 5) // 64
    changes = int((np.diff(visited) != 0).sum())
    assert changes == 10  # eleven blocks, each visited in one go


def test_seeds_and_epochs_give_other_orders() -> None:
    first = RowOrder(5000, 1).rows(0, 5000)
    assert not np.array_equal(first, RowOrder(5000, 2).rows(0, 5000))
    assert not np.array_equal(first, RowOrder(5000, 1).rows(5000, 10_000))


def test_every_arrangement_of_few_blocks_and_of_few_rows_occurs_about_equally() -> None:
    """Chi-square over the 24 arrangements of four: the 99.99 % point of 23 degrees of freedom is 57."""
    for block in (1, 4):
        seen: dict[tuple[int, ...], int] = {}
        for seed in range(2400):
            arrangement = tuple(RowOrder(4, seed, block).rows(0, 4).tolist())
            seen[arrangement] = seen.get(arrangement, 0) + 1
        assert len(seen) == 24
        assert sum((count - 100) ** 2 / 100 for count in seen.values()) < 57


def test_the_place_of_a_row_is_spread_evenly() -> None:
    places = np.array([np.flatnonzero(RowOrder(1000, seed, 64).rows(0, 1000) == 999)[0] for seed in range(2000)])
    counts = np.histogram(places, bins=10, range=(0, 1000))[0]
    assert counts.min() > 120
    assert counts.max() < 280


def test_the_order_is_frozen() -> None:
    """A checkpoint's position means this order: a change here would make old positions read other rows."""
    assert RowOrder(10, 1, 4).rows(0, 20).tolist() == [2, 1, 0, 3, 8, 9, 7, 5, 4, 6, 2, 3, 0, 1, 4, 5, 7, 6, 8, 9]
    assert RowOrder(10**12, 7).rows(10**11, 10**11 + 3).tolist() == [14566217348, 14566217190, 14566217622]


@pytest.mark.parametrize(("size", "block"), [(0, 4), (5, 0), (5, 1 << 21)])
def test_impossible_orders_are_refused(size: int, block: int) -> None:
    with pytest.raises(ValueError, match="rows in blocks"):
        RowOrder(size, 0, block)


def test_negative_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="positions"):
        RowOrder(5, 0).rows(-1, 2)


@settings(max_examples=60)
@given(
    size=st.integers(1, 300),
    seed=seeds,
    global_batch=st.integers(1, 24),
    micro_batch=st.integers(1, 24),
    growth=st.tuples(st.integers(1, 24), st.integers(0, 9)),
    runs=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 7), st.integers(0, 5), st.booleans()), max_size=8),
)
def test_exactly_once_whatever_is_killed_or_resized(
    size: int,
    seed: int,
    global_batch: int,
    micro_batch: int,
    growth: tuple[int, int],
    runs: list[tuple[int, int, int, bool]],
) -> None:
    """Runs of so many participants and steps, ended between steps or in the middle of one, each going on from the newest
    checkpoint, which may be several steps old: the committed ledger tiles, and what was read is what the order says."""
    first, growing = growth
    plan = StepPlan(global_batch, min(micro_batch, global_batch), min(first, global_batch), growing)
    order, ledger = RowOrder(size, seed, 16), []
    for participants, steps, since_checkpoint, killed_within in runs:
        for step in range(len(ledger), len(ledger) + steps):
            read = [_consume(order, plan, step, each, participants) for each in range(participants)]
            if killed_within and step == len(ledger) + steps - 1:
                break  # some have read, none committed
            start, stop = plan.positions(step)
            ledger.append(LedgerLine(step, start, stop, f"{sum(read) % 2**64:016x}", participants))
        if killed_within:
            del ledger[max(0, len(ledger) - since_checkpoint) :]
    assert first_fault(ledger, plan.start(len(ledger)), order) == ""
    rows = np.concatenate([np.empty(0, np.int64), *(order.rows(line.start, line.stop) for line in ledger)])
    epochs = len(rows) // size
    assert np.array_equal(np.bincount(rows[: epochs * size], minlength=size), np.full(size, epochs))


def _consume(order: RowOrder, plan: StepPlan, step: int, participant: int, participants: int) -> int:
    return sum(
        digest_rows(np.arange(start, stop), order.rows(start, stop))
        for start, stop in plan.micro_batches(step, participant, participants)
    )


@pytest.fixture
def ledger() -> list[LedgerLine]:
    return [LedgerLine.of(RowOrder(100, 5), StepPlan(8, 4), step) for step in range(6)]


def test_a_whole_ledger_tiles(ledger: list[LedgerLine]) -> None:
    assert tiles(ledger, 48, RowOrder(100, 5))
    assert tiles(reversed(ledger))
    assert tiles([])
    assert [LedgerLine.from_line(line.to_line()) for line in ledger] == ledger


def test_every_fault_is_found_and_named(ledger: list[LedgerLine]) -> None:
    assert first_fault(ledger[1:]) == "gap: no step read [0, 8), before step 1"
    assert first_fault(ledger[:2] + ledger[3:]) == "gap: no step read [16, 24), before step 3"
    assert first_fault([*ledger, ledger[2]]) == "overlap: steps 2 and 2 both read [16, 24)"
    assert first_fault(ledger, 56) == "the ranges end at 48, not at 56"
    assert first_fault([replace(ledger[0], stop=0)]) == "step 0 is empty: [0, 0)"
    assert "other rows" in first_fault(ledger, 48, RowOrder(100, 6))
    assert "other rows" in first_fault([replace(ledger[0], digest="0" * 16)], 8, RowOrder(100, 5))


def test_a_digest_knows_rows_and_places() -> None:
    positions, rows = np.array([0, 1]), np.array([5, 6])
    assert digest_rows(positions, rows) != digest_rows(positions, rows[::-1])
    assert digest_rows(positions, rows) == digest_rows(positions[::-1], rows[::-1])
    parts = [digest_rows(positions[:1], rows[:1]), digest_rows(positions[1:], rows[1:])]
    assert digest_rows(positions, rows) == sum(parts) % 2**64
