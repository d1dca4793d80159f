"""Save checkpoints while training goes on: the step waits for a copy in memory, a thread writes it.

Not for what is in a checkpoint nor where it goes: checkpoint.py.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from workloads.training.checkpoint import CheckpointStore, Content


class Snapshot:
    """Copies of tensors in this machine's memory. The buffers are used again: filling them is three times as quick as having
    new ones (measured on 480 MB, docs/decisions/0017)."""

    def __init__(self) -> None:
        self._buffers: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def take(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Valid until the next call."""
        self._buffers = {name: self._copied(name, tensor.detach()) for name, tensor in tensors.items()}
        if any(tensor.is_cuda for tensor in tensors.values()):
            torch.cuda.synchronize()
        return dict(self._buffers)

    def _copied(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
            buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        return buffer.copy_(tensor, non_blocking=tensor.is_cuda)


class Saver:
    """One write at a time: a second one waits for the first, so that one copy in memory is enough.

    What a write raises is raised by the next call here."""

    def __init__(self, checkpoints: CheckpointStore) -> None:
        self._checkpoints = checkpoints
        self._weights, self._optimizer = Snapshot(), Snapshot()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._written: list[int] = []

    def save(self, content: Content, near_only: bool = False) -> None:
        """Begin to write; returns once everything is copied."""
        self.wait()
        copied = replace(
            content,
            weights=self._weights.take(content.weights),
            optimizer=self._optimizer.take(content.optimizer),
            metrics=list(content.metrics),
            ledger=list(content.ledger),
        )
        write = self._checkpoints.save_near if near_only else self._checkpoints.save
        self._thread = threading.Thread(target=self._work, args=(write, copied), name="hanlin-checkpoint", daemon=True)
        self._thread.start()

    def written(self) -> list[int]:
        """The steps whose checkpoints are committed since the last call."""
        self._raise()
        steps, self._written = self._written, []
        return steps

    def wait(self) -> None:
        """Until nothing is being written."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._raise()

    def close(self) -> None:
        """Let what is being written be committed; what it raises is of no use any more."""
        if self._thread is not None:
            self._thread.join()

    def _work(self, write: Callable[[Content], object], content: Content) -> None:
        try:
            write(content)
            self._written.append(content.state.step)
        except BaseException as error:  # noqa: BLE001  # raised where the training loop looks next
            self._error = error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
