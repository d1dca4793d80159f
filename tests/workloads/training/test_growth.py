"""Runs that begin small: each row once whoever takes part, the same bits after a stop, and nothing about them where they are off."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from cluster.artifacts import Artifact, ArtifactStore
from tests.workloads.training.conftest import LENGTH, QUICK, make_job, make_tokenizer, make_tokens, run_in_threads
from tests.workloads.training.test_loop import Meddler
from workloads.training.checkpoint import LEDGER, METRICS, OPTIMIZER, WEIGHTS, Checkpoint
from workloads.training.growth import GrowthSpec
from workloads.training.job import Job, TokenCounts, open_feed
from workloads.training.loss import IGNORED
from workloads.training.objective import NextTokenLoss
from workloads.training.order import LedgerLine, RowOrder, first_fault
from workloads.training.pieces import in_pieces
from workloads.training.precision import Precision
from workloads.training.schedule import Planner
from workloads.training.spec import TrainingSpec

CPU = torch.device("cpu")
GROWTH = GrowthSpec(first_batch=1, batch_steps=6, first_length=8, length_steps=5)
GROWING = QUICK.model_copy(update={"growth": GROWTH})


def _job(folder: Path) -> Job:
    store = ArtifactStore(str(folder))
    return make_job(store, make_tokens(store), make_tokenizer(store), GROWING)


def _last(job: Job) -> Checkpoint:
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    return found


def _ledger(job: Job) -> list[LedgerLine]:
    return [LedgerLine.from_line(line) for line in _last(job).lines(LEDGER)]


@pytest.mark.parametrize("size", [1, 2])
def test_stopped_while_it_grows_and_resumed_equals_undisturbed_to_the_bit(tmp_path: Path, size: int) -> None:
    whole, cut = _job(tmp_path / "whole"), _job(tmp_path / "cut")
    assert run_in_threads(whole, size) == ["finished"] * size
    for step in (2, 4):
        assert run_in_threads(cut, size, lambda _, step=step: Meddler(stop=step)) == ["stopped"] * size
    assert run_in_threads(cut, size) == ["finished"] * size
    for name in (WEIGHTS, OPTIMIZER):
        assert (_last(cut).folder / name).read_bytes() == (_last(whole).folder / name).read_bytes()


def test_growing_steps_tile_the_rows_over_any_number_of_processes(tmp_path: Path) -> None:
    job, alone = _job(tmp_path / "resized"), _job(tmp_path / "alone")
    for size, step in ((3, 2), (2, 4), (1, 6), (2, 99)):
        run_in_threads(job, size, lambda _, step=step: Meddler(stop=step))
    run_in_threads(alone, 1)
    rows = GROWING.plan.start(12)
    assert first_fault(_ledger(job), rows, RowOrder(40, 7)) == ""
    assert [line.stop - line.start for line in _ledger(job)] == [1, 1, 3, 4, 4, 5, 6, 6, 6, 6, 6, 6]
    assert {line.participants for line in _ledger(job)} == {1, 2, 3}
    assert _last(job).state.position == rows
    assert _last(job).state.heldout == pytest.approx(_last(alone).state.heldout, rel=1e-3)


def test_an_epoch_has_as_many_steps_as_its_rows_need(store: ArtifactStore, tokens: Artifact, tokenizer: Artifact) -> None:
    spec = GROWING.model_copy(update={"steps": None, "epochs": 1.0})
    job = make_job(store, tokens, tokenizer, spec)
    limit = job.limit(TokenCounts.of(tokens))
    assert spec.plan.start(limit - 1) < 40 <= spec.plan.start(limit)
    run_in_threads(job, 1)
    assert _last(job).state.position == spec.plan.start(limit)


def test_every_target_counts_once_however_short_the_sequences(tokens: Artifact, job: Job) -> None:
    feed = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), CPU)
    batch = feed._batch(feed.rows, np.array([0, 39]))
    cut = in_pieces(batch, 4)
    assert (cut.rows, cut.pieces, cut.inputs.shape) == (2, 4, (8, 4))
    for shorter, longer in ((cut.inputs, batch.inputs), (cut.targets, batch.targets)):
        assert torch.equal(shorter.view(2, -1)[:, : LENGTH - 1], longer)
    assert int((cut.targets != IGNORED).sum()) == int((batch.targets != IGNORED).sum())
    assert torch.equal(cut.row(1).inputs, cut.inputs[4:])
    assert in_pieces(batch, LENGTH - 1) is batch


def test_a_sequence_sees_nothing_of_the_ones_before_it_in_its_row(tokens: Artifact, job: Job) -> None:
    from workloads.training.job import fresh_model

    counts = TokenCounts.of(tokens)
    objective = NextTokenLoss(fresh_model(job, counts), Precision(torch.float32, "cpu"))
    feed = open_feed(job, counts, tokens.local_folder(), CPU)
    cut = in_pieces(feed._batch(feed.rows, np.array([3])), 5)
    alone = [in_pieces(feed._batch(feed.rows, np.array([3])), 5).inputs[n : n + 1] for n in range(3)]
    hidden = objective.model.get_decoder()(input_ids=cut.inputs).last_hidden_state
    for number, inputs in enumerate(alone):
        torch.testing.assert_close(hidden[number], objective.model.get_decoder()(input_ids=inputs).last_hidden_state[0])


def test_documents_stay_apart_in_sequences(tokens: Artifact, job: Job) -> None:
    counts = TokenCounts.of(tokens)
    spec = job.spec.model_copy(update={"document_mask": True, "growth": GROWTH})
    masked = Job(spec, job.model, job.store_uri, job.tokens, job.work, job.run, job.seed)
    feed = open_feed(masked, counts, tokens.local_folder(), CPU)
    (batch,) = feed.batches(0, 0, 1)
    assert batch.documents is not None
    assert batch.documents.shape == batch.inputs.shape == (2, 8)
    assert batch.documents.flatten()[-1] == -1


def test_lengths_double_until_rows_are_whole() -> None:
    lengths = [GrowthSpec(first_length=32, length_steps=9).length(step, 255) for step in range(11)]
    assert lengths == [32, 32, 32, 64, 64, 64, 128, 128, 128, 255, 255]
    assert GrowthSpec(first_length=300, length_steps=9).length(0, 255) == 255
    assert GrowthSpec().length(0, 255) == 255


def test_metrics_and_held_out_rows_are_those_of_whole_rows(tmp_path: Path) -> None:
    job = _job(tmp_path)
    run_in_threads(job, 1)
    records = [json.loads(line) for line in _last(job).lines(METRICS)]
    assert [record["position"] for record in records] == [GROWING.plan.start(step) for step in (2, 4, 6, 8, 10, 12)]
    assert records[-1]["tokens"] >= (records[-1]["position"] - 2) * (LENGTH - 1)


def test_time_is_planned_by_rows_where_steps_grow() -> None:
    spec = GROWING.model_copy(update={"minutes": 1.0, "steps": None, "growth": GrowthSpec(first_batch=1, batch_steps=100)})
    planner = Planner(spec, 100_000)
    at = spec.plan.start(30)
    expected = planner.expected(30, seconds=at * 0.1, first_seconds=0.1)  # a tenth of a second per row
    assert spec.plan.start(expected) == pytest.approx(600, abs=6)


@pytest.mark.parametrize(
    ("growth", "said"),
    [
        ({"first_batch": 4}, "give both, or neither"),
        ({"length_steps": 4}, "give both, or neither"),
        ({"first_batch": 64, "batch_steps": 2}, "more than global_batch"),
        ({"first_length": 4, "length_steps": 2}, "greater than or equal to 8"),
    ],
)
def test_growth_that_cannot_be_is_refused(growth: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainingSpec(global_batch=32, growth=growth)  # type: ignore[arg-type]


def test_a_run_that_does_not_grow_is_the_work_it_always_was() -> None:
    assert "growth" not in QUICK.identity()
    assert GROWING.identity()["growth"] == GROWTH.to_json()
