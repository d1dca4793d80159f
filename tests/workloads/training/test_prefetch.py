"""What comes next is made ahead, in the order asked for or not."""

import threading

import pytest

from workloads.training.prefetch import Ahead


def test_the_next_value_is_made_while_the_present_one_is_used() -> None:
    made: list[tuple[int, str]] = []
    done = threading.Event()

    def make(key: int) -> int:
        made.append((key, threading.current_thread().name))
        if key == 6:
            done.set()
        return key * key

    ahead = Ahead(make, lambda key: key + 1)
    assert ahead.take(5) == 25
    assert done.wait(30)
    assert ahead.take(6) == 36
    assert [key for key, _ in made[:2]] == [5, 6]
    assert made[0][1] != made[1][1]


def test_another_key_is_made_at_once() -> None:
    ahead = Ahead(lambda key: key + 100, lambda key: key + 1)
    assert [ahead.take(key) for key in (1, 7, 8, 2)] == [101, 107, 108, 102]


def test_what_failed_ahead_is_told_when_it_is_asked_for() -> None:
    def make(key: int) -> int:
        if key == 2:
            raise ValueError("two")
        return key

    ahead = Ahead(make, lambda key: key + 1)
    assert ahead.take(1) == 1
    with pytest.raises(ValueError, match="two"):
        ahead.take(2)
