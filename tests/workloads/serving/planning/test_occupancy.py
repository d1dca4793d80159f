"""How many are there at once: against the queues whose answers stand in every textbook, and against a simulation."""

import heapq
import random
from collections.abc import Callable

import pytest

from workloads.serving.planning.occupancy import mean, occupancy, quantile


def test_one_at_a_time_is_the_textbooks_queue() -> None:
    shares = occupancy(0.8, lambda n: 1.0, slots=1)
    assert shares[:3] == pytest.approx([0.2, 0.16, 0.128], rel=1e-3)
    assert mean(shares) == pytest.approx(0.8 / 0.2, rel=1e-3)


def test_places_enough_are_the_textbooks_poisson() -> None:
    shares = occupancy(3.0, lambda n: float(n), slots=50)
    assert mean(shares) == pytest.approx(3.0, rel=1e-6)
    assert quantile(shares, 0.95) == 6


def test_more_than_can_end_grows_for_ever() -> None:
    with pytest.raises(ValueError, match="at most 2 end"):
        occupancy(2.0, lambda n: min(n, 2.0), slots=2)


def test_shared_speed_agrees_with_a_simulation_whatever_the_lengths() -> None:
    """Answers of one length, arrivals at random, a speed that grows less than the number at work."""

    def speed(there: int) -> float:
        return there / (0.5 + 0.1 * there)

    foretold = occupancy(5.0, speed, slots=32)
    seen = simulate(5.0, speed, 32, 40_000)
    assert mean(foretold) == pytest.approx(seen, rel=0.05)


def simulate(arrivals: float, speed: Callable[[int], float], slots: int, count: int) -> float:
    """The time's mean of requests there; each is one unit of work, done at speed(n)/n while n share."""
    draws, now, done, work, area = random.Random(3), 0.0, 0, 0.0, 0.0
    there: list[float] = []  # the shared work at which each ends
    line = 0
    coming = draws.expovariate(arrivals)
    while done < count:
        busy = len(there)
        rate = speed(busy) / busy if busy else 0.0
        ends = now + (there[0] - work) / rate if busy else float("inf")
        until = min(ends, coming)
        area += (busy + line) * (until - now)
        work += rate * (until - now)
        now = until
        if coming <= ends:
            coming = now + draws.expovariate(arrivals)
            line += 1
        else:
            heapq.heappop(there)
            done += 1
        while line and len(there) < slots:
            heapq.heappush(there, work + 1.0)
            line -= 1
    return area / now
