"""From a position of the order to batches: the rows a process owns in a step, as inputs and targets on its device."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from workloads.training.growth import GrowthSpec
from workloads.training.loss import IGNORED
from workloads.training.objective import Batch
from workloads.training.order import RowOrder, digest_rows
from workloads.training.packed import document_bounds
from workloads.training.pieces import in_pieces
from workloads.training.prefetch import Ahead
from workloads.training.rows import RowDocuments
from workloads.training.step_plan import StepPlan

_Place = tuple[int, int, int]  # step, rank, size


class Rows(Protocol):
    """What the feed needs of workloads.training.rows.TokenRows."""

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens [n, L] of the rows with these numbers."""

    def valid(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tokens of each of these rows are text; the rest is padding."""

    def documents(self, row: int) -> RowDocuments:
        """Where the text of a row came from."""


@dataclass(frozen=True)
class Feed:
    """The training rows in their order, and the held-out rows in sequence. `by_document`: batches say which tokens belong to
    one document. `growth` says how training rows are cut into sequences; held-out rows stay whole.
    `packed`: batches bring the bounds of documents as well (packed.py)."""

    rows: Rows
    heldout: Rows | None
    order: RowOrder
    plan: StepPlan
    device: torch.device
    by_document: bool = False
    growth: GrowthSpec = field(default_factory=GrowthSpec)
    packed: bool = False
    _ahead: list[Ahead[_Place, list[Batch]]] = field(default_factory=list, compare=False)

    def batches(self, step: int, rank: int, size: int) -> Iterator[Batch]:
        """This process's micro-batches of a step; those of the next step are read meanwhile."""
        if not self._ahead:
            self._ahead.append(Ahead(self._read, lambda place: (place[0] + 1, *place[1:])))
        for batch in self._ahead[0].take((step, rank, size)):
            yield self._moved(batch)

    @property
    def waited(self) -> float:
        """Seconds that steps have waited for rows."""
        return self._ahead[0].waited if self._ahead else 0.0

    def _read(self, place: _Place) -> list[Batch]:
        batches = []
        for start, stop in self.plan.micro_batches(*place):
            indices = self.order.rows(start, stop)
            batch = self._batch(self.rows, indices, digest_rows(np.arange(start, stop), indices))
            batches.append(self._ready(in_pieces(batch, self.growth.length(place[0], batch.inputs.shape[1]))))
        return batches

    def rows_of(self, step: int) -> list[int]:
        """The numbers of the rows that a step owns, by position."""
        return [int(row) for row in self.order.rows(*self.plan.positions(step))]

    def documents(self, row: int) -> tuple[str, ...]:
        """The documents in a training row; none where the tokens came without lineage."""
        try:
            return self.rows.documents(row).documents
        except FileNotFoundError:
            return ()

    def heldout_batches(self, rank: int, size: int, limit: int, micro_batch: int) -> Iterator[Batch]:
        """This process's share of the first `limit` held-out rows."""
        if self.heldout is None:
            return
        count = self.heldout_rows(limit)
        for number, start in enumerate(range(0, count, micro_batch)):
            if number % size == rank:
                batch = self._batch(self.heldout, np.arange(start, min(start + micro_batch, count)))
                yield self._moved(self._ready(batch))

    def heldout_rows(self, limit: int) -> int:
        """How many held-out rows are measured."""
        return 0 if self.heldout is None else min(limit, len(self.heldout))

    def _batch(self, rows: Rows, indices: NDArray[np.int64], digest: int = 0) -> Batch:
        tokens = torch.from_numpy(rows.read(indices))
        valid = torch.from_numpy(np.asarray(rows.valid(indices), dtype=np.int64))
        inputs, targets = tokens[:, :-1], tokens[:, 1:].clone()
        targets[torch.arange(1, tokens.shape[1]) >= valid.unsqueeze(1)] = IGNORED
        return Batch(inputs.contiguous(), targets, digest, _documents(inputs) if self.by_document else None)

    def _ready(self, batch: Batch) -> Batch:
        """With bounds where they are wanted, in memory that a GPU copies from while it computes."""
        if self.packed and batch.documents is not None:
            batch = replace(batch, bounds=document_bounds(batch.documents))
        return batch if self.device.type == "cpu" else _each(batch, torch.Tensor.pin_memory)

    def _moved(self, batch: Batch) -> Batch:
        if self.device.type == "cpu":
            return batch
        return _each(batch, lambda tensor: tensor.to(self.device, non_blocking=True))


def _documents(inputs: torch.Tensor) -> torch.Tensor:
    """[n, L] int32: which document of its row a token belongs to; token 0 ends one."""
    ends = (inputs == 0).cumsum(1, dtype=torch.int32)
    return torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=1)


def _each(batch: Batch, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
    documents, bounds = (None if each is None else change(each) for each in (batch.documents, batch.bounds))
    return replace(batch, inputs=change(batch.inputs), targets=change(batch.targets), documents=documents, bounds=bounds)
