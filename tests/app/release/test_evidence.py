"""The tests that may be read at any moment: they find what is there, and seldom what is not."""

import math
import random

import pytest

from app.release.evidence import Mean, Pairs, Slower, Split

LIMIT = 100.0  # so that at most one stream in a hundred ever gets there by chance
STREAMS = 300


def highest(draws: random.Random, old_rate: float, new_rate: float, drift: bool) -> float:
    """The highest value that a test of 100 blocks of 8 and 2 answers ever shows."""
    split, top = Split(), 0.0
    for block in range(100):
        factor = 3.0 if drift and block % 20 > 10 else 1.0
        hits = [sum(draws.random() < rate * factor for _ in range(n)) for rate, n in ((old_rate, 8), (new_rate, 2))]
        split.add(hits[0], 8, hits[1], 2)
        top = max(top, split.value)
    return top


@pytest.mark.parametrize("drift", [False, True])
def test_looking_all_the_time_seldom_finds_what_is_not_there(drift: bool) -> None:
    draws = random.Random(1)
    found = sum(highest(draws, 0.05, 0.05, drift) >= LIMIT for _ in range(STREAMS))
    assert found <= 0.02 * STREAMS


def test_what_is_there_is_found() -> None:
    draws = random.Random(2)
    assert sum(highest(draws, 0.02, 0.3, True) >= LIMIT for _ in range(30)) == 30


def test_one_revision_alone_says_nothing() -> None:
    split = Split()
    split.add(0, 50, 0, 0)
    split.add(0, 0, 50, 50)
    assert split.value == pytest.approx(1.0)


def test_a_block_has_an_expectation_of_one_at_most_under_any_common_rate() -> None:
    """Exactly, over every outcome of a block of 3 and 2 answers."""
    for rate in (0.01, 0.2, 0.5, 0.9):
        mean = 0.0
        for old in range(4):
            for new in range(3):
                split = Split(0.1)
                split.add(old, 3, new, 2)
                chance = math.comb(3, old) * math.comb(2, new) * rate ** (old + new) * (1 - rate) ** (5 - old - new)
                mean += chance * split.value
        assert mean <= 1 + 1e-9


def test_slower_by_less_than_the_factor_is_not_slower() -> None:
    draws = random.Random(3)
    found = 0
    for _ in range(60):
        slower = Slower(1.25)
        top = 0.0
        for _ in range(100):
            slower.add(
                [draws.lognormvariate(0, 0.5) for _ in range(5)], [1.25 * draws.lognormvariate(0, 0.5) for _ in range(5)]
            )
            top = max(top, slower.value)
        found += top >= LIMIT
    assert found <= 2


def test_twice_as_slow_is_found_whatever_the_unit() -> None:
    for unit in (1e-4, 1.0):
        draws, slower = random.Random(4), Slower(1.25)
        for _ in range(60):
            slower.add([unit * draws.lognormvariate(0, 0.4) for _ in range(9)], [unit * draws.lognormvariate(0.7, 0.4)])
        assert slower.value > LIMIT
        assert slower.quantile(0.5) == pytest.approx(unit, rel=0.2)
        assert slower.new_quantile(0.5) == pytest.approx(2 * unit, rel=0.3)


def test_old_times_are_forgotten() -> None:
    slower = Slower(1.0)
    for value in range(1500):
        slower.add([float(value)], [])
    assert slower.quantile(0.0) == 500.0


def test_pairs() -> None:
    worse, even = Pairs(), Pairs()
    for number in range(20):
        worse.add(True)
        even.add(number % 2 == 0)
    assert worse.value > LIMIT
    assert even.value < 1
    assert (worse.worse, worse.total) == (20, 20)


def test_an_interval_that_holds_at_every_moment() -> None:
    missed = 0
    for seed in range(100):
        draws, mean = random.Random(seed), Mean()
        for count in range(1, 400):
            mean.add(draws.random() < 0.3)
            if count >= 20 and abs(mean.mean - 0.3) > mean.half_width(0.05):
                missed += 1
                break
    assert missed <= 10
    assert Mean().half_width(0.05) == math.inf
    assert 0.05 < mean.half_width(0.05) < 0.12
