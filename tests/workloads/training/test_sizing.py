"""Training's size: what others need is given back soon, what is free is taken after a while, limits hold."""

from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from workloads.training.sizing import GROW_SECONDS, LOOK_SECONDS, SHRINK_SECONDS, Change, Limits, Sizer, Stand, next_size
from workloads.training.spec import TrainingSpec

LIMITS = Limits(1, 4)


@pytest.mark.parametrize(("free", "size"), [(0, 1), (1, 1), (2, 2), (4, 4), (100, 4)])
def test_it_starts_with_what_fits(free: int, size: int) -> None:
    assert Sizer(LIMITS, lambda: Stand(free, 0)).first() == size


@pytest.mark.parametrize(
    ("workers", "free", "waiting", "size"),
    [(2, 0, 0, 2), (2, 1, 0, 3), (2, 9, 0, 4), (3, 0, 1, 2), (3, 0, 2, 1), (3, 0, 99, 1), (2, 4, 1, 1)],
)
def test_what_others_wait_for_goes_before_what_is_free(workers: int, free: int, waiting: int, size: int) -> None:
    assert next_size(workers, LIMITS, Stand(free, waiting)) == size


@dataclass
class Cluster:
    """A cluster that is looked at, with a clock that only the test moves."""

    stand: Stand
    time: float = 0.0

    def sizer(self, limits: Limits = LIMITS) -> Sizer:
        return Sizer(limits, lambda: self.stand, lambda: self.time)


def test_it_shrinks_soon_and_grows_late() -> None:
    cluster = Cluster(Stand(0, 1))
    sizer = cluster.sizer()
    assert sizer.change(3) is None
    cluster.time += SHRINK_SECONDS
    assert sizer.change(3) == Change(2)
    cluster.stand = Stand(1, 0)
    cluster.time += LOOK_SECONDS
    assert sizer.change(2) is None
    cluster.time += GROW_SECONDS - 1
    assert sizer.change(2) is None
    cluster.time += 1
    assert sizer.change(2) == Change(3)


def test_what_comes_and_goes_changes_nothing() -> None:
    cluster = Cluster(Stand(2, 0))
    sizer = cluster.sizer()
    for _ in range(10):
        cluster.stand = Stand(2, 0)
        assert sizer.change(2) is None
        cluster.time += GROW_SECONDS - 1
        cluster.stand = Stand(0, 0)
        assert sizer.change(2) is None
        cluster.time += 1


@pytest.mark.parametrize(("free", "size"), [(2, 2), (0, 1), (9, None)])
def test_workers_without_room_become_as_few_as_fit_but_not_at_once(free: int, size: int | None) -> None:
    cluster = Cluster(Stand(free, 0, frozenset({"a"})))
    sizer = cluster.sizer()
    assert sizer.change(3, placed=False) is None
    cluster.time += GROW_SECONDS - 1
    assert sizer.change(3, placed=False) is None
    cluster.time += 1
    assert sizer.change(3, placed=False) == (size and Change(size))


def test_a_machine_that_is_told_to_go_moves_the_run_once() -> None:
    cluster = Cluster(Stand(0, 0, frozenset({"a"})))
    sizer = cluster.sizer(Limits(2, 2))
    assert sizer.change(2) == Change(2, frozenset({"a"}))
    cluster.time += 10
    assert sizer.change(2) is None
    cluster.stand = Stand(0, 0, frozenset({"b"}))
    cluster.time += 10
    assert sizer.change(2) == Change(2, frozenset({"b"}))


def test_a_run_of_fixed_size_never_changes() -> None:
    cluster = Cluster(Stand(100, 100))
    limits = Limits.of(TrainingSpec(workers=2))
    assert not limits.elastic
    sizer = cluster.sizer(limits)
    cluster.time += 1000
    assert sizer.first() == 2
    assert sizer.change(2) is None


def test_fewest_above_most_is_refused() -> None:
    with pytest.raises(ValidationError, match="min_workers 3 is more than workers 2"):
        TrainingSpec(workers=2, min_workers=3)


def test_the_size_is_no_part_of_the_result() -> None:
    assert TrainingSpec(workers=2, min_workers=1).identity() == TrainingSpec().identity()
