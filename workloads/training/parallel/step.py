"""One optimizer step of a model that is cut over processes: the same numbers as step.py, in as many parts as the layout says."""

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import torch
from torch import distributed
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from workloads.training.communicator import Communicator
from workloads.training.loss import IGNORED
from workloads.training.objective import Batch, NextTokenLoss
from workloads.training.optimizer import TrainingOptimizer
from workloads.training.parallel.apply import partial_weights
from workloads.training.parallel.context import RowParts
from workloads.training.parallel.layout import TENSOR, Layout
from workloads.training.placement import local
from workloads.training.step import DIGEST_BYTES, Accepts, Signals, StepResult, joined, unjoined


class ShardedStep:
    """Every process makes as many passes as the one with most micro-batches, since each pass gathers weights from all: one that has
    none left computes a row without targets."""

    knows_rows = False  # no process has the whole model

    def __init__(
        self, objective: NextTokenLoss, optimizer: TrainingOptimizer, group: Communicator, layout: Layout, clip: float
    ) -> None:
        self._objective, self._optimizer, self._group = objective, optimizer, group
        self._layout, self._clip = layout, clip
        self._partial = partial_weights(objective) if layout.spec.tensor > 1 else []
        self._parts = RowParts(layout.context_group) if layout.context_group is not None else None
        self._device = next(objective.parameters()).device

    @property
    def share(self) -> tuple[int, int]:
        """(number, count) of this process's share of a step's micro-batches."""
        return self._layout.share

    def run(
        self, batches: Iterable[Batch], learning_rate: float, signals: Signals, accepts: Accepts = lambda _loss, _norm: True
    ) -> StepResult:
        """As OptimizerStep.run."""
        for weight in self._optimizer.parameters:
            weight.grad = None
        shared = torch.zeros(6 + DIGEST_BYTES, dtype=torch.float64, device=self._device)
        digest = 0
        for batch in self._even(batches):
            part = self._parts.cut(batch) if self._parts else batch
            loss = self._objective(part)
            loss.backward()
            shared[0] += loss.detach()
            shared[1] += (part.targets != IGNORED).sum()
            digest = (digest + batch.digest) % (1 << 64)
        if self._layout.tensor_rank:
            shared.zero_()
        told = [signals.stop, signals.leave, signals.total_steps, 0, *unjoined(digest if self._layout.tells else 0)]
        shared[2:] = torch.tensor(told, dtype=torch.float64)
        self._sum_partial()
        shared[5] = self._squares()
        self._group.sum(shared)
        loss_sum, tokens, stop, leave, total_steps, squares, *digests = shared.tolist()
        norm = squares**0.5 / max(1.0, tokens)
        applied = accepts(loss_sum / max(1.0, tokens), norm)
        if applied:
            self._update(learning_rate, min(1.0, self._clip / (norm + 1e-6)) if self._clip else 1.0, max(1.0, tokens))
        return StepResult(
            loss_sum,
            round(tokens),
            norm,
            joined(digests),
            Signals(stop > 0, leave > 0, total_steps=round(total_steps)),
            applied,
        )

    def row_losses(self, batch: Batch) -> list[float]:
        """Not to be asked for: see knows_rows."""
        raise NotImplementedError(f"the losses of {len(batch.inputs)} rows by one process that has a part of the model")

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> tuple[float, int]:
        """As OptimizerStep.evaluate."""
        sums = torch.zeros(2, dtype=torch.float64, device=self._device)
        self._objective.eval()
        with self._optimizer.averaged():
            for batch in self._even(batches):
                part = self._parts.cut(batch) if self._parts else batch
                sums[0] += self._objective(part)
                sums[1] += (part.targets != IGNORED).sum()
        self._forget_gathered()
        self._objective.train()
        if self._layout.tensor_rank:
            sums.zero_()
        self._group.sum(sums)
        loss, tokens = sums.tolist()
        return loss / max(1.0, tokens), round(tokens)

    def _forget_gathered(self) -> None:
        """A pass without a backward one leaves some weights gathered; the next must not take them for the newest."""
        for module in self._objective.modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    def _even(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """This process's batches, and empty ones up to the largest number that any process has."""
        mine = list(batches)
        most = torch.tensor([len(mine)], device=self._device)
        distributed.all_reduce(most, op=distributed.ReduceOp.MAX)
        nothing = torch.zeros(1, 8, dtype=torch.int64, device=self._device)
        empty = Batch(nothing, torch.full_like(nothing, IGNORED))
        return chain(mine, repeat(empty, int(most.item()) - len(mine)))

    def _sum_partial(self) -> None:
        group = self._layout.mesh.get_group(TENSOR) if self._partial else None
        for weight in self._partial:
            if weight.grad is not None:
                distributed.all_reduce(local(weight.grad), group=group)

    def _squares(self) -> torch.Tensor:
        """This process's share of the squared norm of the summed gradient, so that the sum over all processes is the whole."""
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        for weight in self._optimizer.parameters:
            if weight.grad is not None:
                total += local(weight.grad).double().square().sum() / self._holders(weight)
        return total

    def _holders(self, weight: torch.Tensor) -> int:
        """How many processes hold the same part of a weight."""
        holders = distributed.get_world_size()
        if isinstance(weight, DTensor):
            for size, placement in zip(weight.device_mesh.shape, weight.placements, strict=True):
                holders //= 1 if placement.is_replicate() else size
        return holders

    def _update(self, learning_rate: float, scale: float, tokens: float) -> None:
        for weight in self._optimizer.parameters:
            if weight.grad is not None:
                local(weight.grad).mul_(scale / tokens)
        self._optimizer.set_rate(learning_rate)
        self._optimizer.step()
