"""Which checkpoints stay: the newest, the best, and one for every so many hours of training. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stand:
    """What is known of a committed checkpoint without reading it. `heldout_loss`: the last one measured before it."""

    step: int
    seconds: float
    heldout_loss: float | None = None


@dataclass(frozen=True)
class Retention:
    """`last` newest ones, `best` ones of the lowest held-out loss, and the first of every `hours` of training time."""

    last: int = 2
    best: int = 0
    hours: float | None = None

    def kept(self, stands: Sequence[Stand]) -> set[int]:
        """The steps of those that stay."""
        by_step = sorted(stands, key=lambda stand: stand.step)
        finite = [stand for stand in by_step if stand.heldout_loss is not None and math.isfinite(stand.heldout_loss)]
        measured = sorted(finite, key=lambda stand: (stand.heldout_loss, -stand.step))
        keep = {stand.step for stand in [*by_step[-self.last :], *measured[: self.best]]}
        if self.hours is not None:
            first: dict[int, int] = {}
            for stand in by_step:
                first.setdefault(int(stand.seconds / 3600 / self.hours), stand.step)
            first.pop(0, None)  # what came in before the first period was over
            keep |= set(first.values())
        return keep
