"""How many workers a training run should have: what serving and others leave, given back as soon as they want it.

Not for hiring and dismissing them: crew.py does, at a step boundary; where workers cannot outlive each other, elastic.py does
by a restart from a checkpoint.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from workloads.training.spec import TrainingSpec

LOOK_SECONDS = 1.0
SHRINK_SECONDS = 2.0  # somebody waits
GROW_SECONDS = 15.0  # a worker takes seconds to start: what is free must have been free for a while


@dataclass(frozen=True)
class Stand:
    """One look at the cluster, in workers: how many more would fit, and how many are in the place of others who wait and can
    get it from no new machine. `leaving`: machines with work on them that were told to go."""

    free: int
    waiting: int
    leaving: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Limits:
    """From `least` to `most` workers."""

    least: int
    most: int

    @staticmethod
    def of(spec: TrainingSpec) -> "Limits":
        return Limits(spec.min_workers or spec.workers, spec.workers)

    @property
    def elastic(self) -> bool:
        return self.least < self.most


def next_size(workers: int, limits: Limits, stand: Stand) -> int:
    """Workers to have now: those that others need are given back, those that fit are taken."""
    if stand.waiting > 0:
        return max(limits.least, workers - stand.waiting)
    return min(limits.most, workers + stand.free)


@dataclass(frozen=True)
class Change:
    """The number of workers to have from now on; `leaving`: machines that are newly told to go and should hold none of them."""

    workers: int
    leaving: frozenset[str] = frozenset()


class Sizer:
    """Looks at the cluster again and again; says a new size only once it has been right for a while."""

    def __init__(self, limits: Limits, look: Callable[[], Stand], clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._look, self._clock = limits, look, clock
        self._since: float | None = None
        self._growing = False
        self._next_look = 0.0
        self._left = frozenset[str]()

    def first(self) -> int:
        """The size to start with: as many as fit, never fewer than the least (these wait for their place)."""
        if not self._limits.elastic:
            return self._limits.most
        return max(self._limits.least, min(self._limits.most, self._look().free))

    def change(self, workers: int, placed: bool = True) -> Change | None:
        """The size to have instead; None while the present one is right, or not wrong for long enough. Workers that are not
        `placed` wait for room, which others may have taken since it was seen: fewer that fit are right then."""
        now = self._clock()
        if now < self._next_look:
            return None
        self._next_look = now + LOOK_SECONDS
        stand = self._look()
        if not placed:
            fewer = min(workers, max(self._limits.least, stand.free))
            return self._settled(workers, fewer, now, GROW_SECONDS) if self._limits.elastic else None
        if new := stand.leaving - self._left:  # go on without it before it goes
            self._left |= new
            return Change(max(self._limits.least, workers - 1), new)
        if not self._limits.elastic:
            return None
        wanted = next_size(workers, self._limits, stand)
        return self._settled(workers, wanted, now, GROW_SECONDS if wanted > workers else SHRINK_SECONDS)

    def _settled(self, workers: int, wanted: int, now: float, seconds: float) -> Change | None:
        growing = wanted > workers
        if wanted == workers or growing != self._growing:
            self._since, self._growing = None, growing
        if wanted == workers:
            return None
        self._since = now if self._since is None else self._since
        return Change(wanted) if now - self._since >= seconds else None
