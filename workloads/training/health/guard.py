"""What becomes of a bad step: left out, rolled back or the end of the run, always within bounds, and always told.

Every process asks the same of the same numbers, and so decides alike; the first one alone reads and writes files.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch

from cluster.errors import LossError
from cluster.manifest import Json
from workloads.training.communicator import Communicator, share_json
from workloads.training.health.judge import Recent, Verdict, judge
from workloads.training.health.quarantine import LeftOut, Quarantine, SuspectRow
from workloads.training.health.spec import HealthSpec
from workloads.training.run_folder import RunFolder

Decision = Literal["skip", "roll_back"]


@dataclass(frozen=True)
class BadStep:
    """A step whose update was not applied."""

    step: int
    loss: float
    norm: float
    verdict: Verdict

    def told(self, rolled_back_to: int | None) -> str:
        """In a line, for people."""
        done = "left out" if rolled_back_to is None else f"rolled back to step {rolled_back_to}"
        return f"step {self.step}: {self.verdict.reason} (loss {self.loss:.4g}, gradient norm {self.norm:.4g}); {done}"


class Guard:
    """Judges steps and keeps the quarantine."""

    def __init__(self, spec: HealthSpec, folder: RunFolder, group: Communicator) -> None:
        self._spec, self._folder, self._group = spec, folder, group
        self._verdict = Verdict()
        self.quarantine = Quarantine()

    def begin(self, device: torch.device) -> None:
        """Know what was left out before, in every process."""
        known = Quarantine.read(self._folder) if self._group.rank == 0 else Quarantine()
        told: list[Json] = [entry.to_json() for entry in known.entries()]
        entries = share_json({"entries": told}, self._group, device)["entries"]
        self.know(LeftOut.from_json(each) for each in entries if isinstance(each, dict))  # type: ignore[union-attr]

    def know(self, entries: Iterable[LeftOut]) -> None:
        """The list as another process has it."""
        self.quarantine = Quarantine(entries)

    def passed_over(self, step: int) -> str:
        """Why this step is left out without computing it; empty where it is not."""
        return self.quarantine.reason(step)

    def compared_with(self, step: int, recent: Recent) -> Recent:
        """What a step is compared with: nothing, where so many before it were left out that they are the rule, and there was no
        checkpoint to go back to. Else steps that differ from the ones before would be refused for ever."""
        first = self.quarantine.first_of_row(step)
        return () if step - first >= self._spec.in_a_row and not self.quarantine.rolled_back_in(first, step) else recent

    def accepts(self, recent: Recent, loss: float, norm: float) -> bool:
        """Whether the update of a step may be applied."""
        self._verdict = judge(self._spec, recent, loss, norm)
        return self._verdict.good

    def bad_step(self, step: int, loss: float, norm: float) -> BadStep:
        """The step that `accepts` has just refused."""
        return BadStep(step, loss, norm, self._verdict)

    def decide(self, bad: BadStep) -> Decision:
        """Raises LossError where the run may not go on: asked to stop, or a bound is reached."""
        spec, row = self._spec, bad.step - self.quarantine.first_of_row(bad.step) + 1
        if spec.action == "stop":
            raise _end(bad, "`training.health.action` is stop", "look at the documents of quarantine.jsonl, or set it to skip")
        if len(self.quarantine) >= spec.max_skipped:
            raise _end(
                bad, f"{spec.max_skipped} steps were left out before", "raise `training.health.max_skipped`, or mend the data"
            )
        if spec.action == "roll_back" or row >= spec.in_a_row:
            if self.quarantine.rollbacks < spec.max_rollbacks:
                return "roll_back"
            if row >= spec.in_a_row:
                raise _end(
                    bad,
                    f"{row} bad steps in a row after {spec.max_rollbacks} roll back(s)",
                    "lower `training.learning_rate`, or set `training.clip`",
                )
        return "skip"

    def leave_out(self, bad: BadStep, rows: tuple[SuspectRow, ...], rolled_back_to: int | None = None) -> None:
        """Put the step on the list."""
        entry = LeftOut(
            bad.step,
            bad.verdict.reason,
            round(bad.verdict.score, 2),
            _finite(bad.loss),
            _finite(bad.norm),
            rolled_back_to,
            rows,
        )
        self.quarantine.add(entry)

    def span_to_pass(self, bad: BadStep) -> int:
        """The first step whose rows a roll back leaves out."""
        return max(0, self.quarantine.first_of_row(bad.step) - self._spec.passed_before)

    def pass_over(self, start: int, stop: int, rows: Callable[[int], tuple[SuspectRow, ...]]) -> None:
        """Leave out the steps [start, stop) that were accepted, and are to be undone."""
        for step in range(start, stop):
            if not self.quarantine.reason(step):
                self.quarantine.add(LeftOut(step, "before bad steps", rows=rows(step)))

    def write(self) -> None:
        """Write the list down (the first process). Raises StorageError where it cannot be kept."""
        if self._group.rank == 0:
            self.quarantine.write(self._folder)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _end(bad: BadStep, why: str, todo: str) -> LossError:
    score = f", {bad.verdict.score:.0f} deviations above the median" if bad.verdict.score else ""
    return LossError(
        f"step {bad.step}: {bad.verdict.reason} (loss {bad.loss:.4g}{score}); {why}", "the last checkpoint stands", todo
    )
