"""One optimizer step over micro-batches, the same for any number of processes: sum, share, divide, clip, update.

Losses and gradients are summed over all micro-batches of all processes and divided by the number of valid targets of the
whole global batch. Knows no Ray and no files.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from workloads.training.communicator import Communicator
from workloads.training.loss import IGNORED, summed_cross_entropy
from workloads.training.precision import Precision

_DIGEST_BYTES = 8  # each is summed by itself: f32 holds the sum over 65,000 processes exactly


@dataclass(frozen=True)
class Batch:
    """Rows of one micro-batch: inputs [n, L-1] and targets [n, L-1] int64, IGNORED where a target does not count; `digest`
    stands for which rows were read (order.digest_rows)."""

    inputs: torch.Tensor
    targets: torch.Tensor
    digest: int = 0


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
    rows that the processes read, and their signals."""

    loss_sum: float
    tokens: int
    gradient_norm: float
    digest: int
    signals: Signals

    @property
    def loss(self) -> float:
        """Mean per token, in nats."""
        return self.loss_sum / max(1, self.tokens)


class OptimizerStep:
    """Keeps all gradients in one flat buffer, so that a step has one exchange. Its last places are shared numbers: loss, valid
    targets (exact to 2^24 per step), stop, leave, meet, total steps, and the eight bytes of the digest."""

    def __init__(
        self,
        model: PreTrainedModel,
        optimizer: torch.optim.Optimizer,
        group: Communicator,
        precision: Precision,
        clip: float,
        loss_chunk: int = 1024,
    ) -> None:
        self._body: nn.Module = model.get_decoder()  # type: ignore[no-untyped-call]
        self._head: nn.Linear = model.get_output_embeddings()  # type: ignore[no-untyped-call]
        self._optimizer, self._group = optimizer, group
        self._precision, self._clip, self._chunk = precision, clip, loss_chunk
        self._weights = list(model.parameters())
        size = sum(weight.numel() for weight in self._weights)
        self._flat = torch.zeros(size + 6 + _DIGEST_BYTES, dtype=torch.float32, device=self._weights[0].device)
        self._gradients, self._shared = self._flat[:size], self._flat[size:]
        start = 0
        for weight in self._weights:
            weight.grad = self._gradients[start : start + weight.numel()].view_as(weight)
            start += weight.numel()

    def run(self, batches: Iterable[Batch], learning_rate: float, signals: Signals) -> StepResult:
        """Do one step over this process's micro-batches (there may be none) together with all other processes."""
        self._flat.zero_()
        digest = 0
        for batch in batches:
            loss = self._loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            self._shared[0] += loss.detach()
            self._shared[1] += (batch.targets != IGNORED).sum()
            digest = (digest + batch.digest) % (1 << 64)
        told = [signals.stop, signals.leave, signals.meet, signals.total_steps, *digest.to_bytes(_DIGEST_BYTES, "little")]
        self._shared[2:] = torch.tensor(told, dtype=torch.float32)
        self._group.sum(self._flat)
        loss_sum, tokens, stop, leave, meet, total_steps, *digests = self._shared.tolist()
        self._gradients.div_(max(1.0, tokens))
        norm = torch.linalg.vector_norm(self._gradients)
        if self._clip:
            self._gradients.mul_(torch.clamp(self._clip / (norm + 1e-6), max=1.0))
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        shared = Signals(stop > 0, leave > 0, meet > 0, round(total_steps))
        return StepResult(loss_sum, round(tokens), float(norm), _joined(digests), shared)

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> tuple[float, int]:
        """(mean loss in nats, valid targets) over the batches of all processes."""
        sums = torch.zeros(2, dtype=torch.float64, device=self._flat.device)
        for batch in batches:
            sums[0] += self._loss(batch)
            sums[1] += (batch.targets != IGNORED).sum()
        self._group.sum(sums)
        loss, tokens = sums.tolist()
        return loss / max(1.0, tokens), round(tokens)

    def _loss(self, batch: Batch) -> torch.Tensor:
        with self._precision.autocast():
            hidden = self._body(input_ids=batch.inputs, use_cache=False).last_hidden_state
        return summed_cross_entropy(
            hidden.flatten(0, 1), self._head.weight, batch.targets.flatten(), self._chunk, self._precision.dtype
        )


def _joined(sums: list[float]) -> int:
    """The sum modulo 2^64 of numbers whose bytes were summed place by place."""
    return sum(round(value) << (8 * place) for place, value in enumerate(sums)) % (1 << 64)
