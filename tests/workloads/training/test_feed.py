"""From positions to batches: every position once, padding never a target."""

import numpy as np
import pytest
import torch

from cluster.artifacts import Artifact, ArtifactStore
from tests.workloads.training.conftest import LENGTH, make_tokens
from workloads.training.feed import _documents
from workloads.training.job import Job, TokenCounts, open_feed
from workloads.training.loss import IGNORED

CPU = torch.device("cpu")


def test_a_step_reads_its_rows_in_their_order(job: Job, tokens: Artifact) -> None:
    feed = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), CPU)
    start, stop = feed.plan.positions(2)
    wanted = torch.from_numpy(feed.rows.read(feed.order.rows(start, stop)))
    inputs = torch.cat([batch.inputs for batch in feed.batches(2, 0, 1)])
    assert torch.equal(inputs, wanted[:, :-1])


@pytest.mark.parametrize("size", [2, 3])
def test_processes_share_a_step_without_gap_or_overlap(job: Job, tokens: Artifact, size: int) -> None:
    feed = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), CPU)
    parts = [list(feed.batches(4, rank, size)) for rank in range(size)]
    shared = sorted(tuple(row.tolist()) for part in parts for batch in part for row in batch.inputs)
    alone = sorted(tuple(row.tolist()) for batch in feed.batches(4, 0, 1) for row in batch.inputs)
    assert shared == alone
    assert sum(b.digest for part in parts for b in part) % (1 << 64) == feed.order.digest(*feed.plan.positions(4))


def test_padding_is_never_a_target_and_the_end_token_is(job: Job, tokens: Artifact) -> None:
    feed = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), CPU)
    batch = feed._batch(feed.rows, np.array([0, len(feed.rows) - 1]))
    assert (batch.targets[0] != IGNORED).all()
    assert (batch.targets[1] != IGNORED).tolist() == [True] * (LENGTH - 1 - 5) + [False] * 5
    epoch = [b for step in range(7) for b in feed.batches(step, 0, 1)]
    targets = torch.cat([b.targets for b in epoch])[: len(feed.rows)]
    assert int((targets != IGNORED).sum()) == TokenCounts.of(tokens).tokens_train - len(feed.rows)
    assert (targets == 0).any()


def test_held_out_rows_are_shared_and_limited(store: ArtifactStore, job: Job, tokens: Artifact) -> None:
    feed = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), CPU)
    counts = [sum(len(b.inputs) for b in feed.heldout_batches(rank, 2, 5, 2)) for rank in range(2)]
    assert counts == [3, 2]
    assert feed.heldout_rows(100) == 7


def test_without_held_out_rows_there_is_nothing_to_measure(store: ArtifactStore, job: Job) -> None:
    none = make_tokens(store, rows=8, heldout=0)
    feed = open_feed(job, TokenCounts.of(none), none.local_folder(), CPU)
    assert feed.heldout_rows(5) == 0
    assert not list(feed.heldout_batches(0, 1, 5, 2))


def test_documents_are_numbered_within_a_row_and_end_with_token_0() -> None:
    found = _documents(torch.tensor([[5, 0, 7, 8, 0], [0, 0, 3, 4, 5]]))
    assert found.tolist() == [[0, 0, 1, 1, 1], [0, 1, 2, 2, 2]]


def test_a_step_that_was_read_ahead_is_the_same(job: Job, tokens: Artifact) -> None:
    ahead, fresh = (open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), CPU) for _ in range(2))
    for step in (3, 4, 5, 4):
        fresh._ahead.clear()
        for one, other in zip(ahead.batches(step, 0, 1), fresh.batches(step, 0, 1), strict=True):
            assert torch.equal(one.inputs, other.inputs)
            assert torch.equal(one.targets, other.targets)
            assert one.digest == other.digest
