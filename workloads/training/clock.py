"""Where a training process's seconds go: it is in one phase at a time, so every second belongs to exactly one.

On a GPU the host runs ahead: what it waits for in an exchange holds the computing before it too.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import torch

from workloads.training.communicator import Communicator
from workloads.training.rollcall import CatchUp, Ending, News

Phase = Literal["start", "data", "compute", "exchange", "meeting", "evaluation", "checkpoint"]
Spent = dict[Phase, float]
_T = TypeVar("_T")


class Clock:
    """Seconds by phase. One thread enters phases; others may look at `phase`, `since` and `step`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._spent: Spent = {}
        self.phase: Phase = "start"
        self.since = now()
        self.step = 0

    def enter(self, phase: Phase) -> None:
        now = self._now()
        self._spent[self.phase] = self._spent.get(self.phase, 0.0) + now - self.since
        self.phase, self.since = phase, now

    @contextmanager
    def within(self, phase: Phase) -> Iterator[None]:
        """In `phase` for the time of the block, then again in the one before."""
        before = self.phase
        self.enter(phase)
        try:
            yield
        finally:
            self.enter(before)

    def silent(self) -> float:
        """Seconds since the last change of phase."""
        return self._now() - self.since

    def lap(self, step: int) -> Spent:
        """What was spent since the last lap; `step` is the number of steps done."""
        self.enter(self.phase)
        self.step = step
        spent, self._spent = self._spent, {}
        return spent

    def waiting_for(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items; the time until each comes is that of the phase `data`."""
        iterator = iter(items)
        while True:
            with self.within("data"):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item


class TimedGroup:
    """A group whose exchanges are the phase `exchange`, and whose meetings, but for the first, are the phase `meeting`."""

    def __init__(self, group: Communicator, clock: Clock) -> None:
        self._group, self._clock = group, clock

    @property
    def rank(self) -> int:
        return self._group.rank

    @property
    def size(self) -> int:
        return self._group.size

    @property
    def lasting(self) -> bool:
        return self._group.lasting

    def meet(self, progress: int) -> CatchUp | None:
        with self._clock.within("start" if self._clock.phase == "start" else "meeting"):
            return self._group.meet(progress)

    def sum(self, tensor: torch.Tensor) -> None:
        with self._clock.within("exchange"):
            self._group.sum(tensor)

    def copy(self, tensor: torch.Tensor, source: int = 0) -> None:
        with self._clock.within("exchange"):
            self._group.copy(tensor, source)

    def news(self) -> News:
        return self._group.news()

    def leave(self) -> None:
        self._group.leave()

    def end(self, how: Ending) -> None:
        self._group.end(how)
