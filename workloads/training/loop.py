"""The training loop: from the newest checkpoint's position to the last step, without Ray.

Every process of the group runs it. All decide alike, because what one of them knows (a stop, the planned end) reaches the
others inside the step's exchange. Where an exchange breaks, those that are left meet, copy the state of one that has come
furthest, and do again what broke: an update is made by all of them or by none.
"""

import math
import time
from dataclasses import replace
from functools import partial

import torch
from transformers import PreTrainedModel

from workloads.models.folder import named_weights
from workloads.training.carried import Carried, Pending
from workloads.training.checkpoint import LoopState, restore_random_state, with_random_state
from workloads.training.clock import TimedGroup
from workloads.training.communicator import Communicator
from workloads.training.course import Course
from workloads.training.health.care import Care
from workloads.training.health.guard import Guard
from workloads.training.health.judge import remembered
from workloads.training.keeper import Keeper
from workloads.training.listener import Listener
from workloads.training.optimizer import optimizer_tensors
from workloads.training.order import LedgerLine
from workloads.training.precision import Precision
from workloads.training.prepare import prepare
from workloads.training.resume import resume
from workloads.training.rollcall import TORN, CatchUp, Ended, Ending, PeerLost
from workloads.training.schedule import UNDECIDED, Planner, learning_rate
from workloads.training.step import Signals, StepResult
from workloads.training.telling import Telling

_A_LIST = 1 << 40  # a longer list of steps left out is further, at whatever step: a roll back goes to an earlier one


class Run:
    """One process's part of a training run; `model` is this process's copy, on its device."""

    def __init__(
        self, course: Course, model: PreTrainedModel, group: Communicator, precision: Precision, listener: Listener
    ) -> None:
        self._course, self._spec, self._model = course, course.spec, model
        self._clock = listener.clock
        self._group, self._listener = TimedGroup(group, self._clock), listener
        self._step, self._optimizer = prepare(model, course.spec, self._group, precision)
        self._planner = Planner(course.spec, course.limit)
        self._guard = Guard(course.spec.health, course.folder, self._group)
        self._keeper = Keeper(course.spec, course.checkpoints, model, self._optimizer, self._group, listener)
        self._care = Care(self._guard, course.feed, course.checkpoints, self._group, self._step, self._keeper, listener)
        self._telling = Telling(course, self._planner, precision, self._group, listener)
        self._ledger: list[str] = []
        self._pending: Pending | None = None
        self._ending: Ending | None = None
        self._over = False
        self._whole = True  # False while another's state is on its way into ours
        self._heldout: float | None = None
        self.state = LoopState(world_size=group.size, total_steps=self._planner.total_at_start())

    def train(self) -> Ending:
        """Run to the end, or to the step boundary after a stop was asked for, and leave a checkpoint there.

        Raises LossError where bad steps end it, and whatever made a checkpoint fail, after all processes have stopped.
        """
        try:
            return self._train()
        finally:
            self._keeper.close()

    def _train(self) -> Ending:
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
        self._keeper.raise_failure()
        assert self._ending is not None
        return self._ending

    def _load(self) -> None:
        """What the newest checkpoint holds; the peers may have come further."""
        self._resume()
        self._guard.begin(self._course.feed.device)
        self._telling.measure_peak()

    def _resume(self, at_most: int | None = None) -> None:
        """Where the newest checkpoint left the run, or the newest of step `at_most` or before."""
        checkpoints, note = self._course.checkpoints, partial(self._listener.incident, "checkpoint_damaged")
        self._whole = False
        resumed = resume(self._model, self._optimizer, checkpoints, self._group, self.state, note, at_most)
        self._whole = True
        self.state = replace(resumed.state, world_size=self._group.size)
        self._telling.metrics, self._ledger, self._keeper.saved = resumed.metrics, resumed.ledger, self.state.step
        self._model.train()
        self._began = time.monotonic() - self.state.seconds
        self._telling.begin_anew()

    def _meet(self) -> None:
        """Settle who takes part in the next step, and catch up with the one that has come furthest."""
        catch_up = self._group.meet(self._progress())
        if not self._whole and catch_up is not None and catch_up.source == self._group.rank:
            raise RuntimeError("all processes with a whole state were lost; those that are left start from the last checkpoint")
        if catch_up is not None:
            self._catch_up(catch_up)
        self.state = replace(self.state, world_size=self._group.size)
        self._began = time.monotonic() - self.state.seconds
        self._telling.met()
        self._clock.enter("compute")

    def _progress(self) -> int:
        if not self._whole:
            return TORN
        return len(self._guard.quarantine) * _A_LIST + 2 * self.state.step + (self._pending is None)

    def _catch_up(self, catch_up: CatchUp) -> None:
        left_out = self._guard.quarantine.entries()
        state = with_random_state(self.state)
        carried = Carried(state, self._telling.metrics, self._ledger, left_out, self._pending, self._ending)
        tensors = [*named_weights(self._model).values(), *optimizer_tensors(self._model, self._optimizer).values()]
        self._whole = self._whole and not catch_up.behind
        carried = carried.share(tensors, self._group, self._course.feed.device, catch_up.source)
        self._whole = True
        self.state, self._telling.metrics, self._ledger = carried.state, carried.metrics, carried.ledger
        self._pending, self._ending = carried.pending, carried.ending
        self._guard.know(carried.left_out)
        restore_random_state(self.state)

    def _one_step(self) -> None:
        """Compute and apply the next step, unless that is done; then wind it up."""
        if self._pending is None and self.state.finished:
            self._ending = "finished"
            return
        self._pending = self._pending or self._compute()
        if self._pending is None:  # rolled back
            return
        pending = self._pending
        self._evaluate()
        spent = self._clock.lap(self.state.step)
        self._telling.waited(spent.get("data", 0.0))
        self._listener.spent(self.state.step, spent, pending.result.applied, self._group.rank == 0)
        self._telling.tell(self.state, pending.result, pending.rate, self._heldout)
        self._pending = None
        if pending.result.applied:  # a row of bad steps may come from the weights: they must not take the place of good ones
            self._keeper.save_where_due(self.state, self._telling.metrics, self._ledger)
        self._heed(pending.result.signals)

    def _compute(self) -> Pending | None:
        """The next step, applied or left out; None where the run was rolled back instead."""
        step = self.state.step
        rate = learning_rate(self._spec, step, self.state.total_steps)
        result = self._passed_over(step) if self._guard.passed_over(step) else self._computed(step, rate)
        if not result.applied and not self._guard.passed_over(step):
            target = self._care.refuse(self._guard.bad_step(step, result.loss, result.gradient_norm))
            if target is not None:
                self._resume(target)
                return None
        self._advance(result)
        return Pending(result, rate)

    def _heed(self, signals: Signals) -> None:
        """What someone wanted of all at this step boundary."""
        if signals.stop:
            self._ending = "stopped"
        elif signals.leave:
            self._keeper.save(self.state, self._telling.metrics, self._ledger)
            if self._leaves() or not self._group.lasting:
                self._keeper.settle(self.state.finished)
                self._group.leave()
                self._ending = "left"
        if self._ending is None and (signals.leave or signals.meet):
            raise PeerLost

    def _leaves(self) -> bool:
        return self._listener.leave_wanted() or bool(self._group.news().leave)

    def _end(self) -> None:
        """Nobody but who leaves goes before the last checkpoint is there, whoever may be lost while it is written."""
        if self._ending is not None and self._ending != "left":
            self._keeper.save(self.state, self._telling.metrics, self._ledger)
            self._keeper.settle(self.state.finished)
            self._group.sum(torch.zeros(1, device=self._course.feed.device))
            if self._keeper.failure is None:
                self._group.end(self._ending)
        self._over = True

    def _computed(self, step: int, rate: float) -> StepResult:
        batches = self._course.feed.batches(step, *self._step.share)
        self.state = replace(self.state, recent=self._guard.compared_with(step, self.state.recent))
        accepts = partial(self._guard.accepts, self.state.recent)
        return self._step.run(self._clock.waiting_for(batches), rate, self._signals(), accepts)

    def _passed_over(self, step: int) -> StepResult:
        """A step that was found bad before, in this run or in one that it goes on from: nothing is read."""
        feed = self._course.feed
        return StepResult(0.0, 0, 0.0, feed.order.digest(*feed.plan.positions(step)), Signals(), applied=False)

    def _signals(self) -> Signals:
        """What this process puts into the exchange; rank 0 alone plans the end, by its own clock."""
        leave, meet = self._leaves(), self._group.news().meet
        if self._group.rank != 0:
            return Signals(leave=leave, meet=meet)
        state, patience = self.state, self._spec.stop_when_flat
        flat = patience is not None and state.waiting >= patience
        total = self._planner.total(state.step, state.seconds, state.first_seconds, flat, state.total_steps)
        stop = self._keeper.failure is not None or self._listener.stop_wanted()
        return Signals(stop, leave, meet, total)

    def _advance(self, result: StepResult) -> None:
        state, seconds = self.state, time.monotonic() - self._began
        total = result.signals.total_steps or state.total_steps
        self.state = replace(
            state,
            step=state.step + 1,
            position=self._course.feed.plan.start(state.step + 1),
            tokens=state.tokens + (result.tokens if result.applied else 0),
            seconds=seconds,
            first_seconds=state.first_seconds or seconds,
            total_steps=max(total, state.step + 1) if total else UNDECIDED,
        )
        if result.applied:
            recent = remembered(self._spec.health, state.recent, result.loss, result.gradient_norm)
            self.state = replace(self.state, recent=recent)
        self._telling.computed(result)
        start, stop = self._course.feed.plan.positions(state.step)
        skipped = "" if result.applied else self._guard.passed_over(state.step)
        line = LedgerLine(state.step, start, stop, f"{result.digest:016x}", self._group.size, skipped)
        self._ledger.append(line.to_line())

    def _evaluate(self) -> None:
        """Measure the held-out loss where it is due, and count how long it has not fallen."""
        self._heldout, spec, state = None, self._spec, self.state
        feed = self._course.feed
        if not feed.heldout_rows(spec.evaluate_rows) or not (state.finished or state.step % spec.evaluate_every == 0):
            return
        batches = feed.heldout_batches(*self._step.share, spec.evaluate_rows, spec.micro_batch)
        with self._clock.within("evaluation"):
            self._heldout, _ = self._step.evaluate(batches)
        best = math.inf if state.best_heldout is None else state.best_heldout
        waiting = 0 if self._heldout < best else state.waiting + 1
        self.state = replace(state, heldout=self._heldout, best_heldout=min(best, self._heldout), waiting=waiting)
