"""The training loop: from the newest checkpoint's position to the last step, without Ray.

Every process of the group runs it. All decide alike, because what one of them knows (a stop, the planned end) reaches the
others inside the step's exchange.
"""

import math
import time
from dataclasses import dataclass, replace
from typing import Literal

from transformers import PreTrainedModel

from cluster.errors import HanlinError, LossError
from workloads.models.folder import named_weights
from workloads.training.checkpoint import CheckpointStore, Content, LoopState, with_random_state
from workloads.training.communicator import Communicator
from workloads.training.feed import Feed
from workloads.training.listener import Listener
from workloads.training.metrics import Meter, StepRecord, bits_per_character, peak_flops
from workloads.training.optimizer import optimizer_tensors
from workloads.training.order import LedgerLine
from workloads.training.placement import whole
from workloads.training.precision import Precision
from workloads.training.prepare import prepare
from workloads.training.resume import resume
from workloads.training.schedule import UNDECIDED, Planner, learning_rate
from workloads.training.spec import TrainingSpec
from workloads.training.step import Signals, StepResult

Ending = Literal["finished", "stopped", "left"]


@dataclass(frozen=True)
class Course:
    """All that a run is given beside the model. `limit`: the largest number of steps. `tokens` and `characters` of the same
    text turn nats per token into bits per character."""

    spec: TrainingSpec
    feed: Feed
    checkpoints: CheckpointStore
    limit: int
    flops_per_token: int
    tokens: int
    characters: int


class Run:
    """One process's part of a training run; `model` is this process's copy, on its device."""

    def __init__(
        self, course: Course, model: PreTrainedModel, group: Communicator, precision: Precision, listener: Listener
    ) -> None:
        self._course, self._spec, self._model = course, course.spec, model
        self._group, self._listener, self._precision = group, listener, precision
        self._step, self._optimizer = prepare(model, course.spec, group, precision)
        self._planner = Planner(course.spec, course.limit)
        self._meter = Meter()
        self._metrics: list[str] = []
        self._ledger: list[str] = []
        self._failure: HanlinError | None = None
        self._heldout: float | None = None
        self._saved = -1
        self.state = LoopState(world_size=group.size, total_steps=self._planner.total_at_start())

    def train(self) -> Ending:
        """Run to the end, or to the step boundary after a stop was asked for, and leave a checkpoint there.

        Raises LossError where the loss is no longer a number, and whatever made a checkpoint fail, after all processes
        have stopped.
        """
        self._begin()
        while not self.state.finished:
            result = self._one_step()
            if result.signals.stop or result.signals.leave:
                self._save()
                self._raise_failure()
                return "stopped" if result.signals.stop else "left"
        self._raise_failure()
        return "finished"

    def _begin(self) -> None:
        resumed = resume(self._model, self._optimizer, self._course.checkpoints, self._group, self.state, self._listener.note)
        self.state = replace(resumed.state, world_size=self._group.size)
        self._metrics, self._ledger = resumed.metrics, resumed.ledger
        first = self._group.rank == 0
        self._peak = self._group.size * peak_flops(self._course.feed.device, self._precision.dtype) if first else 1.0
        self._model.train()
        self._began, self._meter = time.monotonic() - self.state.seconds, Meter()

    def _one_step(self) -> StepResult:
        step = self.state.step
        rate = learning_rate(self._spec, step, self.state.total_steps)
        batches = self._course.feed.batches(step, *self._step.share)
        result = self._step.run(batches, rate, self._signals())
        if not math.isfinite(result.loss) or not math.isfinite(result.gradient_norm):
            raise LossError(
                f"the loss of step {step} is not a number any more",
                "the last checkpoint before it stands",
                "lower `training.learning_rate`, or set `training.clip`",
            )
        self._advance(result)
        self._evaluate()
        self._tell(result, rate)
        if self.state.finished or self.state.step % self._spec.checkpoint_every == 0:
            self._save()
        return result

    def _signals(self) -> Signals:
        """What this process puts into the exchange; rank 0 alone plans the end, by its own clock."""
        if self._group.rank != 0:
            return Signals(leave=self._listener.leave_wanted())
        state, patience = self.state, self._spec.stop_when_flat
        flat = patience is not None and state.waiting >= patience
        total = self._planner.total(state.step, state.seconds, state.first_seconds, flat, state.total_steps)
        stop = self._failure is not None or self._listener.stop_wanted()
        return Signals(stop, self._listener.leave_wanted(), total)

    def _advance(self, result: StepResult) -> None:
        state, seconds = self.state, time.monotonic() - self._began
        total = result.signals.total_steps or state.total_steps
        self.state = replace(
            state,
            step=state.step + 1,
            position=state.position + self._spec.global_batch,
            tokens=state.tokens + result.tokens,
            seconds=seconds,
            first_seconds=state.first_seconds or seconds,
            total_steps=max(total, state.step + 1) if total else UNDECIDED,
        )
        self._meter.add(result.loss_sum, result.tokens)
        if self._group.rank == 0:
            start, stop = self._course.feed.plan.positions(state.step)
            line = LedgerLine(state.step, start, stop, f"{result.digest:016x}", self._group.size)
            self._ledger.append(line.to_line())

    def _evaluate(self) -> None:
        """Measure the held-out loss where it is due, and count how long it has not fallen."""
        self._heldout, spec, state = None, self._spec, self.state
        feed = self._course.feed
        if not feed.heldout_rows(spec.evaluate_rows) or not (state.finished or state.step % spec.evaluate_every == 0):
            return
        batches = feed.heldout_batches(*self._step.share, spec.evaluate_rows, spec.micro_batch)
        self._heldout, _ = self._step.evaluate(batches)
        best = math.inf if state.best_heldout is None else state.best_heldout
        waiting = 0 if self._heldout < best else state.waiting + 1
        self.state = replace(state, best_heldout=min(best, self._heldout), waiting=waiting)

    def _tell(self, result: StepResult, rate: float) -> None:
        if self._group.rank != 0:
            return
        spec, state = self._spec, self.state
        if not (state.finished or self._heldout is not None or state.step % spec.log_every == 0):
            self._listener.step(self._record(result, rate, result.loss, 0.0))
            return
        loss, speed = self._meter.read()
        record = self._record(result, rate, loss, speed)
        self._metrics.append(record.to_line())
        self._listener.line(record)

    def _record(self, result: StepResult, rate: float, loss: float, speed: float) -> StepRecord:
        state, course = self.state, self._course
        expected = state.total_steps or self._planner.expected(state.step, state.seconds, state.first_seconds)
        heldout = self._heldout
        return StepRecord(
            step=state.step,
            position=state.position,
            tokens=state.tokens,
            seconds=state.seconds,
            learning_rate=rate,
            loss=loss,
            gradient_norm=result.gradient_norm,
            tokens_per_second=speed,
            mfu=speed * course.flops_per_token / self._peak,
            expected_steps=expected,
            heldout_loss=heldout,
            heldout_bits_per_character=(
                None if heldout is None else bits_per_character(heldout, course.tokens, course.characters)
            ),
        )

    def _save(self) -> None:
        """Commit a checkpoint (rank 0). A failure is kept and raised once all processes have stopped."""
        if self._saved == self.state.step:
            return
        weights, optimizer = whole(named_weights(self._model)), whole(optimizer_tensors(self._model, self._optimizer))
        if self._group.rank != 0 or self._failure is not None:
            self._saved = self.state.step
            return
        content = Content(
            with_random_state(self.state),
            weights,
            optimizer,
            self._metrics,
            self._ledger,
        )
        try:
            self._course.checkpoints.save(content)
            self._saved = self.state.step
            self._listener.saved(self._saved)
        except HanlinError as error:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
