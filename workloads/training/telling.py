"""What a run tells of its steps, and the lines of metrics that are kept with its checkpoints.

Not for where the lines go (listener.py) nor for what is measured over held-out rows (loop.py).
"""

import math
import time

from workloads.training.checkpoint import LoopState
from workloads.training.communicator import Communicator
from workloads.training.course import Course
from workloads.training.listener import Listener
from workloads.training.metrics import Meter, Reading, StepRecord, bits_per_character, peak_flops
from workloads.training.precision import Precision
from workloads.training.schedule import Planner
from workloads.training.step import StepResult


class Telling:
    """All processes keep the metrics, so that none is lost with rank 0, which tells them."""

    def __init__(self, course: Course, planner: Planner, precision: Precision, group: Communicator, listener: Listener) -> None:
        self._course, self._planner, self._precision = course, planner, precision
        self._group, self._listener = group, listener
        self._meter = Meter()
        self._peak = math.inf
        self._last_step: float | None = None  # when it was done, until the next is
        self._met = False  # since the last step
        self.metrics: list[str] = []

    def measure_peak(self) -> None:
        """What utilisation is a share of; takes half a second where no data sheet names it."""
        self._peak = peak_flops(self._course.feed.device, self._precision.dtype)

    def begin_anew(self) -> None:
        """Speed counts from now on."""
        self._meter = Meter()

    def met(self) -> None:
        """The processes have met, and speed counts from now on."""
        self._met = True
        self.begin_anew()

    def computed(self, result: StepResult) -> None:
        if result.applied:
            self._meter.add(result.loss_sum, result.tokens)

    def waited(self, seconds: float) -> None:
        """For rows."""
        self._meter.waited(seconds)

    def tell(self, state: LoopState, result: StepResult, rate: float, heldout: float | None) -> None:
        """The step before `state.step` is done; a line is kept where one is due."""
        first, now = self._group.rank == 0, time.monotonic()
        if first and self._met and self._last_step is not None:
            self._listener.went_on(self._group.size, now - self._last_step)
        self._last_step, self._met = now, False
        if not (state.finished or heldout is not None or state.step % self._course.spec.log_every == 0):
            if first:
                reading = Reading(result.loss if result.applied else self._meter.last)
                self._listener.step(self._record(state, result, rate, reading, heldout))
            return
        record = self._record(state, result, rate, self._meter.read(), heldout)
        self.metrics.append(record.to_line())
        if first:
            self._listener.line(record)

    def _record(self, state: LoopState, result: StepResult, rate: float, reading: Reading, heldout: float | None) -> StepRecord:
        course = self._course
        expected = state.total_steps or self._planner.expected(state.step, state.seconds, state.first_seconds)
        return StepRecord(
            step=state.step,
            position=state.position,
            tokens=state.tokens,
            seconds=state.seconds,
            learning_rate=rate,
            loss=reading.loss,
            gradient_norm=result.gradient_norm,
            tokens_per_second=reading.tokens_per_second,
            mfu=reading.tokens_per_second * course.flops_per_token / (self._group.size * self._peak),
            expected_steps=expected,
            heldout_loss=heldout,
            heldout_bits_per_character=(
                None if heldout is None else bits_per_character(heldout, course.tokens, course.characters)
            ),
            bits_per_character=bits_per_character(reading.loss, course.tokens, course.characters),
            wait=reading.wait,
            workers=self._group.size,
        )
