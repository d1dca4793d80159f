"""How many requests are in a replica at once, where they come at random moments: the larger of it and of queues decides what is felt.

Requests share a replica's steps, so it is a queue with processor sharing whose speed depends on how many share it; how many are there
then follows from the speeds alone, however long answers are (Cohen 1979, "The multiple phase service network with generalized processor
sharing"). Beyond the slots they wait in line.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate

_MOST_WAITING = 4096
_NEGLIGIBLE = 1e-9


def occupancy(arrivals: float, speed: Callable[[int], float], slots: int) -> list[float]:
    """Shares of time with 0, 1, 2 ... requests there, where `arrivals` come per second and `speed(n)` end per second while n are
    answered. Raises ValueError where more come than can end: the line would grow for ever."""
    full = speed(slots)
    if arrivals >= full:
        raise ValueError(f"{arrivals:g} requests/s come and at most {full:g} end")
    weights = [1.0]
    for there in range(1, slots + _MOST_WAITING):
        weights.append(weights[-1] * arrivals / (speed(there) if there < slots else full))
        if there >= slots and weights[-1] < _NEGLIGIBLE * max(weights):
            break
    whole = sum(weights)
    return [weight / whole for weight in weights]


def quantile(shares: Sequence[float], share: float) -> int:
    """So many or fewer are there for this share of the time; who comes at random finds the same."""
    return next((there for there, sum_ in enumerate(accumulate(shares)) if sum_ >= share), len(shares) - 1)


def mean(shares: Sequence[float]) -> float:
    return sum(there * share for there, share in enumerate(shares))
