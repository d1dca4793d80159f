"""From a position of the order to batches: the rows a process owns in a step, as inputs and targets on its device."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from workloads.training.loss import IGNORED
from workloads.training.order import RowOrder, StepPlan, digest_rows
from workloads.training.rows import RowDocuments
from workloads.training.step import Batch


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
    """The training rows in their order, and the held-out rows in sequence."""

    rows: Rows
    heldout: Rows | None
    order: RowOrder
    plan: StepPlan
    device: torch.device

    def batches(self, step: int, rank: int, size: int) -> Iterator[Batch]:
        """This process's micro-batches of a step."""
        for start, stop in self.plan.micro_batches(step, rank, size):
            indices = self.order.rows(start, stop)
            yield self._batch(self.rows, indices, digest_rows(np.arange(start, stop), indices))

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
                yield self._batch(self.heldout, np.arange(start, min(start + micro_batch, count)))

    def heldout_rows(self, limit: int) -> int:
        """How many held-out rows are measured."""
        return 0 if self.heldout is None else min(limit, len(self.heldout))

    def _batch(self, rows: Rows, indices: NDArray[np.int64], digest: int = 0) -> Batch:
        tokens = torch.from_numpy(rows.read(indices))
        valid = torch.from_numpy(np.asarray(rows.valid(indices), dtype=np.int64))
        inputs, targets = tokens[:, :-1], tokens[:, 1:].clone()
        targets[torch.arange(1, tokens.shape[1]) >= valid.unsqueeze(1)] = IGNORED
        return Batch(inputs.to(self.device), targets.to(self.device), digest)
