"""What a run does with a refused step: find the odd rows, put it on the list, and find the checkpoint to go back to.

Every process takes part alike; the first one reads and writes.
"""

from functools import partial

from workloads.training.checkpoint import CheckpointStore
from workloads.training.communicator import Communicator, share_json
from workloads.training.feed import Feed
from workloads.training.health.guard import BadStep, Guard
from workloads.training.health.suspects import rows_without_losses, suspect_rows
from workloads.training.keeper import Keeper
from workloads.training.listener import Listener
from workloads.training.prepare import Step


class Care:
    """What may fail with the surroundings is attempted by the keeper, which ends the run where it does."""

    def __init__(
        self,
        guard: Guard,
        feed: Feed,
        checkpoints: CheckpointStore,
        group: Communicator,
        step: Step,
        keeper: Keeper,
        listener: Listener,
    ) -> None:
        self._guard, self._feed, self._checkpoints, self._group = guard, feed, checkpoints, group
        self._step, self._keeper, self._listener = step, keeper, listener

    def refuse(self, bad: BadStep) -> int | None:
        """Leave a step out; the step of the checkpoint to go back to, or None to go on after it.

        Raises LossError where the run may not go on.
        """
        decision = self._guard.decide(bad)
        rows = suspect_rows(bad.step, self._feed, self._group, self._step)
        target = self._checkpoint_before(bad) if decision == "roll_back" else None
        self._guard.leave_out(bad, rows, target)
        if target is not None:
            start = max(target, self._guard.span_to_pass(bad))
            self._guard.pass_over(start, bad.step, lambda step: rows_without_losses(step, self._feed))
        self._keeper.attempt(self._guard.write)
        if self._group.rank == 0:
            self._listener.incident("bad_step" if target is None else "roll_back", bad.told(target))
        return target

    def _checkpoint_before(self, bad: BadStep) -> int | None:
        """Later ones are taken away. None where there is none; alike in all processes."""
        found = self._find(bad) if self._group.rank == 0 else None
        shared = share_json({"step": found}, self._group, self._feed.device)["step"]
        return shared if isinstance(shared, int) else None

    def _find(self, bad: BadStep) -> int | None:
        self._keeper.wait()
        damaged = partial(self._listener.incident, "checkpoint_damaged")
        checkpoint = self._checkpoints.newest(damaged, self._guard.span_to_pass(bad))
        if checkpoint is None or checkpoint.state.step > bad.step:
            return None
        step = checkpoint.state.step
        self._keeper.attempt(lambda: self._checkpoints.drop_after(step))
        return step
