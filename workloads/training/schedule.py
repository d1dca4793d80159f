"""The learning rate of a step, and the number of steps where time or a flat loss decides it. Pure arithmetic."""

import math
from dataclasses import dataclass

from workloads.training.spec import TrainingSpec

_CALIBRATION_STEPS = 8  # the first steps allocate memory and warm caches
_CALIBRATION_SHARE = 0.05  # of the time or of the steps, whichever is reached first
_CALIBRATION_SECONDS = 10.0
UNDECIDED = 0


def learning_rate(spec: TrainingSpec, step: int, total: int) -> float:
    """For the step with this number (from 0) of `total`; while the total is UNDECIDED: warm-up, then the peak.

    The decay of wsd is 1 - sqrt (Hägele et al., arXiv 2405.18392).
    """
    warm = min(1.0, (step + 1) / spec.warmup_steps) if spec.warmup_steps else 1.0
    return spec.learning_rate * min(warm, _decay(spec, step, total))


def _decay(spec: TrainingSpec, step: int, total: int) -> float:
    if total == UNDECIDED or spec.schedule == "constant":
        return 1.0
    if spec.schedule in ("cosine", "linear"):
        span = max(1, total - spec.warmup_steps)
        done = min(1.0, max(0, step - spec.warmup_steps) / span)
        shape = 1 - done if spec.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    else:
        length = decay_steps(spec, total)
        shape = 1 - math.sqrt(max(0, step - (total - length)) / length) if length else 1.0
    return spec.final_share + (1 - spec.final_share) * shape


def decay_steps(spec: TrainingSpec, total: int) -> int:
    """Steps at the end in which wsd decays."""
    return round(spec.decay_share * total) if spec.schedule == "wsd" else 0


@dataclass(frozen=True)
class Planner:
    """Decides the total number of steps as late as the schedule allows: cosine and linear need it once the speed is known, wsd and
    constant only where the decay (or the end) begins. `limit` is what `steps` or `epochs` allow."""

    spec: TrainingSpec
    limit: int

    def total_at_start(self) -> int:
        """The total where neither time nor a flat loss can change it, else UNDECIDED."""
        return self.limit if self.spec.minutes is None and self.spec.stop_when_flat is None else UNDECIDED

    def total(self, step: int, seconds: float, first_seconds: float, flat: bool, decided: int = UNDECIDED) -> int:
        """The total to go by from step `step` + 1 on, after `seconds` of which `first_seconds` in the first step; UNDECIDED
        where there is nothing (new) to decide. The caller keeps the answer, also in checkpoints, and gives it as `decided`:
        the schedule stays one curve. A loss that is flat begins the decay of wsd, and ends the other schedules."""
        wsd, from_the_start = self.spec.schedule == "wsd", self.spec.schedule in ("cosine", "linear")
        if flat and (decided == UNDECIDED or not wsd):
            return min(self.limit, math.ceil(step / (1 - (self.spec.decay_share if wsd else 0))))
        if decided != UNDECIDED:
            return UNDECIDED
        expected = self.expected(step, seconds, first_seconds)
        if from_the_start and expected != UNDECIDED:
            return expected
        total = expected or self.limit
        return total if step + 1 >= total - decay_steps(self.spec, total) else UNDECIDED

    def expected(self, step: int, seconds: float, first_seconds: float) -> int:
        """The total as far as can be foreseen; UNDECIDED before the speed is known."""
        if self.spec.minutes is None:
            return self.limit
        budget = 60 * self.spec.minutes
        if seconds < budget and not self._calibrated(step, seconds, budget):
            return UNDECIDED
        plan = self.spec.plan  # seconds are counted by rows: steps may grow
        done, timed = plan.start(step), plan.start(step) - plan.start(1)
        per_row = (seconds - first_seconds) / timed if timed > 0 else seconds / max(1, done)
        return max(1, min(self.limit, plan.steps_within(done + int(max(0.0, budget - seconds) / max(per_row, 1e-9)))))

    def _calibrated(self, step: int, seconds: float, budget: float) -> bool:
        enough = seconds >= min(_CALIBRATION_SHARE * budget, _CALIBRATION_SECONDS) or step >= _CALIBRATION_SHARE * self.limit
        return enough and step >= _CALIBRATION_STEPS
