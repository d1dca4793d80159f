"""Which rows of a refused step are odd: each row's own loss, measured by the process that had it and shared with all."""

import torch

from workloads.training.communicator import Communicator
from workloads.training.feed import Feed
from workloads.training.health.quarantine import SuspectRow, suspects
from workloads.training.prepare import Step


def suspect_rows(step: int, feed: Feed, group: Communicator, optimizer_step: Step) -> tuple[SuspectRow, ...]:
    """The rows of a step with their losses, the oddest first; without losses where no process has the whole model. Every process
    takes part."""
    if not optimizer_step.knows_rows:
        return rows_without_losses(step, feed)
    rows, (start, _) = feed.rows_of(step), feed.plan.positions(step)
    losses = torch.zeros(len(rows), dtype=torch.float64, device=feed.device)
    mine = feed.plan.micro_batches(step, group.rank, group.size)
    for (first, last), batch in zip(mine, feed.batches(step, group.rank, group.size), strict=True):
        losses[first - start : last - start] = torch.tensor(optimizer_step.row_losses(batch), dtype=torch.float64)
    group.sum(losses)
    return suspects(rows, losses.tolist(), feed.documents)


def rows_without_losses(step: int, feed: Feed) -> tuple[SuspectRow, ...]:
    """The rows of a step that is left out for what came after it."""
    return suspects(feed.rows_of(step), [], feed.documents)
