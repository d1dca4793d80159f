"""When a run's state is kept and whether that worked: checkpoints where they are due, and what failed until all have stopped.

Not for how a checkpoint is written beside the steps (saver.py) nor for what is in it (checkpoint.py).
"""

from collections.abc import Callable

from transformers import PreTrainedModel

from cluster.errors import HanlinError
from workloads.models.folder import named_weights
from workloads.training.checkpoint import CheckpointStore, Content, LoopState, with_random_state
from workloads.training.communicator import Communicator
from workloads.training.listener import Listener
from workloads.training.optimizer import TrainingOptimizer, optimizer_tensors
from workloads.training.placement import whole
from workloads.training.saver import Saver
from workloads.training.spec import TrainingSpec


class Keeper:
    """All processes ask alike; the first one writes. `failure`: what the surroundings failed to do, which ends the run at the
    next step in all processes. `saved`: the step of the newest durable checkpoint that was begun or found."""

    def __init__(
        self,
        spec: TrainingSpec,
        checkpoints: CheckpointStore,
        model: PreTrainedModel,
        optimizer: TrainingOptimizer,
        group: Communicator,
        listener: Listener,
    ) -> None:
        self._spec, self._checkpoints, self._model, self._optimizer = spec, checkpoints, model, optimizer
        self._group, self._listener = group, listener
        self._saver = Saver(checkpoints)
        self.failure: HanlinError | None = None
        self.saved = -1

    def save_where_due(self, state: LoopState, metrics: list[str], ledger: list[str]) -> None:
        near = self._spec.local_checkpoint_every
        if state.step % self._spec.checkpoint_every == 0:
            self.save(state, metrics, ledger)
        elif near and state.step % near == 0:
            self.save(state, metrics, ledger, near_only=True)
        if self._group.rank == 0 and self.failure is None:
            self.attempt(self._tell_saved)

    def save(self, state: LoopState, metrics: list[str], ledger: list[str], near_only: bool = False) -> None:
        """Begin to write a checkpoint, unless there is one of this step."""
        if self.saved == state.step:
            return
        weights, optimizer = whole(named_weights(self._model)), whole(optimizer_tensors(self._model, self._optimizer))
        if self._group.rank != 0 or self.failure is not None:
            if not near_only and not self._group.lasting:  # else it may yet be the first one, and have to write this
                self.saved = state.step
            return
        content = Content(with_random_state(state), weights, optimizer, metrics, ledger)
        with self._listener.clock.within("checkpoint"):
            self.attempt(lambda: self._saver.save(content, near_only))
        self.saved = self.saved if near_only else state.step

    def settle(self, finished: bool) -> None:
        """Wait until what is being written is committed; once the run has `finished`, nothing near is needed any more."""
        if self._group.rank != 0 or self.failure is not None:
            return
        self.wait()
        self.attempt(self._tell_saved)
        if finished and self.failure is None:
            self._checkpoints.forget_near()

    def wait(self) -> None:
        self.attempt(self._saver.wait)

    def attempt(self, work: Callable[[], object]) -> None:
        """Do what may fail with the surroundings; the first failure is kept."""
        try:
            work()
        except HanlinError as error:
            self.failure = self.failure or error

    def raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Let what is being written be committed."""
        self._saver.close()

    def _tell_saved(self) -> None:
        for step in self._saver.written():
            self._listener.saved(step)
