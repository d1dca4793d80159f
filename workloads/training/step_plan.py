"""Which positions of the order a step owns, and how they are cut among those who take part. Pure: no torch, no Ray, no files.

Where steps begin is a formula, never a count kept while running: a step that grows with its number is as exact to resume as one
that does not. Not for which row lies at a position: order.py.
"""

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True)
class StepPlan:
    """Steps of `global_batch` rows in micro-batches of `micro_batch` rows (the last may be smaller). The first `growing_steps` own
    fewer: step 0 `first_batch` rows, those after it evenly more.

    Raises ValueError for a micro-batch or a first batch beyond the global batch, and for growth without a first batch.
    """

    global_batch: int
    micro_batch: int
    first_batch: int = 0
    growing_steps: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.micro_batch <= self.global_batch:
            raise ValueError(f"micro-batches of {self.micro_batch} rows in a step of {self.global_batch}")
        if self.growing_steps and not 1 <= self.first_batch <= self.global_batch:
            raise ValueError(f"{self.growing_steps} steps that grow from {self.first_batch} to {self.global_batch} rows")

    @property
    def count(self) -> int:
        """M, the micro-batches of a whole step: more participants than this find nothing to do."""
        return -(-self.global_batch // self.micro_batch)

    def start(self, step: int) -> int:
        """The first position of a step: the sum of all steps before, which for even growth is a square."""
        growing = min(step, self.growing_steps)
        gained = (self.global_batch - self.first_batch) * growing * (growing - 1) // (2 * self.growing_steps) if growing else 0
        return growing * self.first_batch + gained + (step - growing) * self.global_batch

    def positions(self, step: int) -> tuple[int, int]:
        """[start, stop) of a step: one row at least, `global_batch` at most."""
        return self.start(step), self.start(step + 1)

    def steps_for(self, rows: int) -> int:
        """The fewest steps that own the positions [0, rows)."""
        grown = self.start(self.growing_steps)
        if rows > grown:
            return self.growing_steps - (grown - rows) // self.global_batch
        return bisect_left(range(self.growing_steps), rows, key=self.start)

    def steps_within(self, rows: int) -> int:
        """The most steps that own no position from `rows` on."""
        steps = self.steps_for(rows)
        return steps if self.start(steps) <= rows else steps - 1

    def micro_batches(self, step: int, participant: int, participants: int) -> list[tuple[int, int]]:
        """The positions [start, stop) of each micro-batch that this participant computes in a step. A step that is still growing
        is cut smaller where some would have nothing to do."""
        if not 0 <= participant < participants:
            raise ValueError(f"participant {participant} of {participants}")
        start, stop = self.positions(step)
        size = self.micro_batch
        if step < self.growing_steps:
            size = min(size, -(-(stop - start) // participants))
        return [(first, min(first + size, stop)) for first in range(start + participant * size, stop, participants * size)]
