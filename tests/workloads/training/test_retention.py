"""Which checkpoints stay."""

import math

from workloads.training.retention import Retention, Stand


def test_the_newest_stay() -> None:
    stands = [Stand(step, step) for step in (30, 10, 20)]
    assert Retention(last=2).kept(stands) == {20, 30}
    assert Retention(last=5).kept(stands) == {10, 20, 30}
    assert Retention().kept([]) == set()


def test_the_best_stays_and_of_equals_the_newer() -> None:
    stands = [Stand(10, 0, 3.0), Stand(20, 0, 2.0), Stand(30, 0, 2.0), Stand(40, 0, math.nan), Stand(50, 0, 2.5)]
    assert Retention(last=1, best=1).kept(stands) == {30, 50}
    assert Retention(last=1, best=2).kept(stands) == {20, 30, 50}


def test_the_first_of_every_period_stays() -> None:
    hour = 3600.0
    stands = [Stand(n, hour * at) for n, at in enumerate((0.2, 0.9, 1.1, 1.8, 4.5, 4.9, 5.2))]
    assert Retention(last=1, hours=1).kept(stands) == {2, 4, 6}
    assert Retention(last=1, hours=2).kept(stands) == {4, 6}
