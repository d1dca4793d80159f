"""One optimizer step over micro-batches, the same for any number of processes: sum, share, divide, clip, update.

Losses and gradients are summed over all micro-batches of all processes and divided by the number of valid targets of the
whole global batch. Knows no Ray and no files.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from workloads.training.communicator import Communicator
from workloads.training.loss import IGNORED
from workloads.training.objective import Batch, NextTokenLoss
from workloads.training.optimizer import TrainingOptimizer

__all__ = ["Accepts", "Batch", "OptimizerStep", "Signals", "StepResult"]

Accepts = Callable[[float, float], bool]  # told mean loss and gradient norm: whether to update the weights
DIGEST_BYTES = 8  # each is summed by itself: f32 holds the sum over 65,000 processes exactly


@dataclass(frozen=True)
class Signals:
    """What a process tells all others within a step. They are summed: `total_steps` is given by rank 0 alone. `meet`: someone
    waits to take part."""

    stop: bool = False
    leave: bool = False
    meet: bool = False
    total_steps: int = 0


@dataclass(frozen=True)
class StepResult:
    """Of the whole global batch: summed loss in nats, valid targets, norm of the gradient before clipping, the digest of all
    rows that the processes read, their signals, and whether the weights were updated."""

    loss_sum: float
    tokens: int
    gradient_norm: float
    digest: int
    signals: Signals
    applied: bool = True

    @property
    def loss(self) -> float:
        """Mean per token, in nats."""
        return self.loss_sum / max(1, self.tokens)


class OptimizerStep:
    """Keeps all gradients in one flat buffer, so that a step has one exchange. Its last places are shared numbers: loss, valid
    targets (exact to 2^24 per step), stop, leave, meet, total steps, and the eight bytes of the digest."""

    knows_rows = True  # row_losses can be asked for

    def __init__(self, objective: NextTokenLoss, optimizer: TrainingOptimizer, group: Communicator, clip: float) -> None:
        self._objective, self._optimizer, self._group, self._clip = objective, optimizer, group, clip
        self._weights = list(objective.parameters())
        size = sum(weight.numel() for weight in self._weights)
        self._flat = torch.zeros(size + 6 + DIGEST_BYTES, dtype=torch.float32, device=self._weights[0].device)
        self._gradients, self._shared = self._flat[:size], self._flat[size:]
        start = 0
        for weight in self._weights:
            weight.grad = self._gradients[start : start + weight.numel()].view_as(weight)
            start += weight.numel()

    @property
    def share(self) -> tuple[int, int]:
        """(number, count) of this process's share of a step's micro-batches."""
        return self._group.rank, self._group.size

    def run(
        self, batches: Iterable[Batch], learning_rate: float, signals: Signals, accepts: Accepts = lambda _loss, _norm: True
    ) -> StepResult:
        """Do one step over this process's micro-batches (there may be none) together with all other processes. `accepts` is
        told mean loss and gradient norm, the same in all of them, and says whether the weights are updated."""
        self._flat.zero_()
        digest = 0
        for batch in batches:
            loss = self._objective(batch)
            loss.backward()
            self._shared[0] += loss.detach()
            self._shared[1] += (batch.targets != IGNORED).sum()
            digest = (digest + batch.digest) % (1 << 64)
        told = [signals.stop, signals.leave, signals.meet, signals.total_steps, *unjoined(digest)]
        self._shared[2:] = torch.tensor(told, dtype=torch.float32)
        self._group.sum(self._flat)
        loss_sum, tokens, stop, leave, meet, total_steps, *digests = self._shared.tolist()
        self._gradients.div_(max(1.0, tokens))
        norm = torch.linalg.vector_norm(self._gradients)
        if self._clip:
            self._gradients.mul_(torch.clamp(self._clip / (norm + 1e-6), max=1.0))
        applied = accepts(loss_sum / max(1.0, tokens), float(norm))
        if applied:
            self._optimizer.set_rate(learning_rate)
            self._optimizer.step()
        shared = Signals(stop > 0, leave > 0, meet > 0, round(total_steps))
        return StepResult(loss_sum, round(tokens), float(norm), joined(digests), shared, applied)

    @torch.no_grad()
    def row_losses(self, batch: Batch) -> list[float]:
        """Mean loss of each row of a batch, in nats per token; computed by this process alone."""
        losses = []
        for number in range(batch.rows):
            row = batch.row(number)
            losses.append(float(self._objective(row)) / max(1, int((row.targets != IGNORED).sum())))
        return losses

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> tuple[float, int]:
        """(mean loss in nats, valid targets) over the batches of all processes, with the averaged weights where there are."""
        sums = torch.zeros(2, dtype=torch.float64, device=self._flat.device)
        self._objective.eval()
        with self._optimizer.averaged():
            for batch in batches:
                sums[0] += self._objective(batch)
                sums[1] += (batch.targets != IGNORED).sum()
        self._objective.train()
        self._group.sum(sums)
        loss, tokens = sums.tolist()
        return loss / max(1.0, tokens), round(tokens)


def joined(sums: list[float]) -> int:
    """The sum modulo 2^64 of numbers whose bytes were summed place by place."""
    return sum(round(value) << (8 * place) for place, value in enumerate(sums)) % (1 << 64)


def unjoined(digest: int) -> bytes:
    """The bytes of a digest, to be summed place by place."""
    return digest.to_bytes(DIGEST_BYTES, "little")
