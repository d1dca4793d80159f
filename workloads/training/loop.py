"""The training loop: from the newest checkpoint's position to the last step, without Ray.

Every process of the group runs it. All decide alike, because what one of them knows (a stop, the planned end) reaches the
others inside the step's exchange. Where an exchange breaks, those that are left meet, copy the state of one that has come
furthest, and do again what broke: an update is made by all of them or by none.
"""

import math
import time
from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedModel

from cluster.errors import HanlinError, LossError
from workloads.models.folder import named_weights
from workloads.training.carried import Carried, Pending
from workloads.training.checkpoint import CheckpointStore, Content, LoopState, restore_random_state, with_random_state
from workloads.training.communicator import Communicator
from workloads.training.feed import Feed
from workloads.training.listener import Listener
from workloads.training.metrics import Meter, StepRecord, bits_per_character, peak_flops
from workloads.training.optimizer import make_optimizer, optimizer_tensors
from workloads.training.order import LedgerLine
from workloads.training.precision import Precision
from workloads.training.resume import resume
from workloads.training.rollcall import TORN, CatchUp, Ended, Ending, PeerLost
from workloads.training.schedule import UNDECIDED, Planner, learning_rate
from workloads.training.spec import TrainingSpec
from workloads.training.step import OptimizerStep, Signals, StepResult

__all__ = ["Course", "Ending", "Run"]


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
        self._optimizer = make_optimizer(model, course.spec)
        self._step = OptimizerStep(model, self._optimizer, group, precision, course.spec.clip)
        self._planner = Planner(course.spec, course.limit)
        self._meter = Meter()
        self._metrics: list[str] = []
        self._ledger: list[str] = []
        self._pending: Pending | None = None
        self._ending: Ending | None = None
        self._over = False
        self._whole = True  # False while another's state is on its way into ours
        self._failure: HanlinError | None = None
        self._heldout: float | None = None
        self._saved = -1
        self._last_step: float | None = None  # when it was done, until the next is
        self._met = False  # since the last step
        self.state = LoopState(world_size=group.size, total_steps=self._planner.total_at_start())

    def train(self) -> Ending:
        """Run to the end, or to the step boundary after a stop was asked for, and leave a checkpoint there.

        Raises LossError where the loss is no longer a number, and whatever made a checkpoint fail, after all processes
        have stopped.
        """
        self._load()
        part = self._meet
        while not self._over:
            try:
                part()
                part = self._one_step if self._ending is None else self._end
            except PeerLost:
                part = self._meet
            except Ended as ended:
                return ended.how
        self._raise_failure()
        assert self._ending is not None
        return self._ending

    def _load(self) -> None:
        """What the newest checkpoint holds; the peers may have come further."""
        resumed = resume(self._model, self._optimizer, self._course.checkpoints, self.state, self._listener.note)
        self.state, self._metrics, self._ledger = resumed.state, resumed.metrics, resumed.ledger
        self._peak = peak_flops(self._course.feed.device, self._precision.dtype)
        self._model.train()

    def _meet(self) -> None:
        """Settle who takes part in the next step, and catch up with the one that has come furthest."""
        progress = 2 * self.state.step + (self._pending is None) if self._whole else TORN
        catch_up = self._group.meet(progress)
        if not self._whole and catch_up is not None and catch_up.source == self._group.rank:
            raise RuntimeError("all processes with a whole state were lost; those that are left start from the last checkpoint")
        if catch_up is not None:
            self._catch_up(catch_up)
        self.state = replace(self.state, world_size=self._group.size)
        self._began, self._meter = time.monotonic() - self.state.seconds, Meter()
        self._met = True

    def _catch_up(self, catch_up: CatchUp) -> None:
        carried = Carried(with_random_state(self.state), self._metrics, self._ledger, self._pending, self._ending)
        tensors = [*named_weights(self._model).values(), *optimizer_tensors(self._model, self._optimizer).values()]
        self._whole = self._whole and not catch_up.behind
        carried = carried.share(tensors, self._group, self._course.feed.device, catch_up.source)
        self._whole = True
        self.state, self._metrics, self._ledger = carried.state, carried.metrics, carried.ledger
        self._pending, self._ending = carried.pending, carried.ending
        restore_random_state(self.state)

    def _one_step(self) -> None:
        """Compute and apply the next step, unless that is done; then wind it up."""
        if self._pending is None and self.state.finished:
            self._ending = "finished"
            return
        if self._pending is None:
            self._pending = self._compute()
        pending = self._pending
        self._evaluate()
        self._tell(pending)
        self._pending = None
        if self.state.step % self._spec.checkpoint_every == 0:
            self._save()
        self._heed(pending.result.signals)

    def _compute(self) -> Pending:
        step = self.state.step
        rate = learning_rate(self._spec, step, self.state.total_steps)
        batches = self._course.feed.batches(step, self._group.rank, self._group.size)
        result = self._step.run(batches, rate, self._signals())
        if not math.isfinite(result.loss) or not math.isfinite(result.gradient_norm):
            raise LossError(
                f"the loss of step {step} is not a number any more",
                "the last checkpoint before it stands",
                "lower `training.learning_rate`, or set `training.clip`",
            )
        self._advance(result)
        return Pending(result, rate)

    def _heed(self, signals: Signals) -> None:
        """What someone wanted of all at this step boundary."""
        if signals.stop:
            self._ending = "stopped"
        elif signals.leave:
            self._save()
            if self._leaves() or not self._group.lasting:
                self._group.leave()
                self._ending = "left"
        if self._ending is None and (signals.leave or signals.meet):
            raise PeerLost

    def _leaves(self) -> bool:
        return self._listener.leave_wanted() or bool(self._group.news().leave)

    def _end(self) -> None:
        """Nobody but who leaves goes before the last checkpoint is there, whoever may be lost while it is written."""
        if self._ending is not None and self._ending != "left":
            self._save()
            self._group.sum(torch.zeros(1, device=self._course.feed.device))
            if self._failure is None:
                self._group.end(self._ending)
        self._over = True

    def _signals(self) -> Signals:
        """What this process puts into the exchange; rank 0 alone plans the end, by its own clock."""
        leave, meet = self._leaves(), self._group.news().meet
        if self._group.rank != 0:
            return Signals(leave=leave, meet=meet)
        state, patience = self.state, self._spec.stop_when_flat
        flat = patience is not None and state.waiting >= patience
        total = self._planner.total(state.step, state.seconds, state.first_seconds, flat, state.total_steps)
        stop = self._failure is not None or self._listener.stop_wanted()
        return Signals(stop, leave, meet, total)

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
        start, stop = self._course.feed.plan.positions(state.step)
        line = LedgerLine(state.step, start, stop, f"{result.digest:016x}", self._group.size)
        self._ledger.append(line.to_line())

    def _evaluate(self) -> None:
        """Measure the held-out loss where it is due, and count how long it has not fallen."""
        self._heldout, spec, state = None, self._spec, self.state
        feed = self._course.feed
        if not feed.heldout_rows(spec.evaluate_rows) or not (state.finished or state.step % spec.evaluate_every == 0):
            return
        batches = feed.heldout_batches(self._group.rank, self._group.size, spec.evaluate_rows, spec.micro_batch)
        self._heldout, _ = self._step.evaluate(batches)
        best = math.inf if state.best_heldout is None else state.best_heldout
        waiting = 0 if self._heldout < best else state.waiting + 1
        self.state = replace(state, best_heldout=min(best, self._heldout), waiting=waiting)

    def _tell(self, pending: Pending) -> None:
        """All keep the metrics, so that none is lost with rank 0, which tells them."""
        state, result, first = self.state, pending.result, self._group.rank == 0
        now = time.monotonic()
        if first and self._met and self._last_step is not None:
            self._listener.went_on(self._group.size, now - self._last_step)
        self._last_step, self._met = now, False
        if not (state.finished or self._heldout is not None or state.step % self._spec.log_every == 0):
            if first:
                self._listener.step(self._record(result, pending.rate, result.loss, 0.0))
            return
        loss, speed = self._meter.read()
        record = self._record(result, pending.rate, loss, speed)
        self._metrics.append(record.to_line())
        if first:
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
            mfu=speed * course.flops_per_token / (self._group.size * self._peak),
            expected_steps=expected,
            heldout_loss=heldout,
            heldout_bits_per_character=(
                None if heldout is None else bits_per_character(heldout, course.tokens, course.characters)
            ),
        )

    def _save(self) -> None:
        """Commit a checkpoint (rank 0). A failure is kept and raised once all processes have stopped."""
        if self._group.rank != 0 or self._failure is not None or self._saved == self.state.step:
            return
        content = Content(
            with_random_state(self.state),
            named_weights(self._model),
            optimizer_tensors(self._model, self._optimizer),
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
