"""A run that meets rows that spoil a step: they are left out, named, and left out again by whoever goes on from there."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import LossError
from cluster.manifest import Work
from tests.workloads.training.conftest import (
    LENGTH,
    QUICK,
    VOCABULARY,
    make_job,
    make_tokenizer,
    run_in_threads,
    write_shard,
)
from tests.workloads.training.test_loop import Broken, Meddler
from workloads.training.checkpoint import LEDGER, OPTIMIZER, WEIGHTS, Checkpoint
from workloads.training.health.quarantine import FILE
from workloads.training.health.spec import HealthSpec
from workloads.training.job import Job, TokenCounts, open_feed
from workloads.training.listener import Unheard
from workloads.training.loss import summed_cross_entropy
from workloads.training.order import LedgerLine, first_fault
from workloads.training.spec import TrainingSpec

ROWS, POISON = 60, VOCABULARY - 1  # a token that only poisoned rows hold
STEPS = 10


def _tokens(store: ArtifactStore, poisoned: tuple[int, ...] = ()) -> Artifact:
    """Rows that count upwards; the poisoned ones hold the token that breaks a step. One document per row."""
    work = Work("tokens", {"poisoned": list(poisoned)}, {}, 1)
    with store.draft(work) as draft:
        folder = Path(draft.location.path)
        starts = np.random.default_rng(1).integers(1, 40, size=(ROWS, 1))
        values = (1 + (starts + np.arange(LENGTH)) % (VOCABULARY - 2)).astype(np.uint16)
        values[list(poisoned), 3] = POISON
        write_shard(folder / "train" / "shard-00000.arrow", values)
        lineage = {"row": range(ROWS), "starts": [[0]] * ROWS, "documents": [[f"document-{row}"] for row in range(ROWS)]}
        (folder / "lineage").mkdir()
        pq.write_table(pa.table({k: list(v) for k, v in lineage.items()}), folder / "lineage" / "train-00000.parquet")
        draft.counts |= {
            "rows_train": ROWS,
            "rows_heldout": 0,
            "tokens_train": ROWS * LENGTH,
            "tokens_heldout": 0,
            "characters_train": ROWS * LENGTH,
            "sequence_length": LENGTH,
            "vocabulary": VOCABULARY,
        }
    return store.open("tokens", work.folder)


def _job(
    store: ArtifactStore, poisoned_steps: tuple[int, ...] = (), training: dict[str, int] | None = None, **health: object
) -> Job:
    """Each of these steps has one poisoned row."""
    values: dict[str, object] = {"in_a_row": 3, "passed_before": 1, **health}
    spec = QUICK.model_copy(
        update={"steps": STEPS, "evaluate_rows": 0, "health": HealthSpec.model_validate(values), **(training or {})}
    )
    clean = make_job(store, _tokens(store), make_tokenizer(store), spec)
    order = open_feed(clean, TokenCounts.of(_tokens_of(clean)), _tokens_of(clean).local_folder(), torch.device("cpu"))
    rows = tuple(order.rows_of(step)[4] for step in poisoned_steps)
    return make_job(store, _tokens(store, rows), make_tokenizer(store), spec) if rows else clean


def _tokens_of(job: Job) -> Artifact:
    return ArtifactStore(job.store_uri).open("tokens", job.tokens)


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the loss of a batch with the poison token is multiplied with."""
    factor = [math.nan]

    def poisoned(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, *rest: object) -> torch.Tensor:
        total = summed_cross_entropy(hidden, weight, targets, *rest)  # type: ignore[arg-type]
        return total * factor[0] if bool((targets == POISON).any()) else total

    monkeypatch.setattr("workloads.training.objective.summed_cross_entropy", poisoned)
    return factor


def _last(job: Job) -> Checkpoint:
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    return found


def _ledger(job: Job) -> list[LedgerLine]:
    lines = [LedgerLine.from_line(line) for line in _last(job).lines(LEDGER)]
    tokens = _tokens_of(job)
    order = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), torch.device("cpu")).order
    assert first_fault(lines, stop=STEPS * QUICK.global_batch, order=order) == ""
    return lines


def _skipped(job: Job) -> dict[int, str]:
    return {line.step: line.skipped for line in _ledger(job) if line.skipped}


def _bytes(job: Job) -> tuple[bytes, bytes]:
    last = _last(job)
    assert last.state.finished
    return (last.folder / WEIGHTS).read_bytes(), (last.folder / OPTIMIZER).read_bytes()


@pytest.mark.parametrize("size", [1, 2])
def test_a_step_without_a_number_is_left_out_and_its_documents_are_named(
    store: ArtifactStore, poison: list[float], size: int
) -> None:
    job = _job(store, (5,))
    assert run_in_threads(job, size) == ["finished"] * size
    assert _skipped(job) == {5: "loss is no number"}
    (entry,) = job.folder().read_lines(FILE)
    rows = entry["rows"]
    assert isinstance(rows, list)
    assert len(rows) == QUICK.global_batch
    first = rows[0]
    assert isinstance(first, dict)
    assert "loss" not in first or first["loss"] is None
    assert first["documents"] == [f"document-{first['row']}"]
    assert all(isinstance(row, dict) and row["loss"] is not None for row in rows[1:])
    assert all(torch.isfinite(weight).all() for weight in _last(job).weights().values())


def test_a_spike_is_left_out(store: ArtifactStore, poison: list[float]) -> None:
    poison[0] = 500.0
    job = _job(store, (8,), window=16)
    assert run_in_threads(job, 1) == ["finished"]
    assert set(_skipped(job)) == {8}
    (entry,) = job.folder().read_lines(FILE)
    assert str(entry["reason"]).endswith("spike")
    assert float(str(entry["score"])) > 10


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("action", ["skip", "roll_back"])
def test_broken_and_resumed_leaves_the_same_out_to_the_bit(
    store: ArtifactStore, tmp_path: Path, poison: list[float], size: int, action: str
) -> None:
    undisturbed = _job(ArtifactStore(str(tmp_path / "undisturbed")), (5,), action=action)
    assert run_in_threads(undisturbed, size) == ["finished"] * size
    job = _job(store, (5,), action=action)
    broken = run_in_threads(job, size, lambda rank: Meddler(fail=7 if rank == 0 else 0))
    assert isinstance(broken[0], Broken)
    poison[0] = 1.0  # the rows are good now, and are left out all the same: the list says so
    assert run_in_threads(job, size) == ["finished"] * size
    assert _bytes(job) == _bytes(undisturbed)
    assert _skipped(job) == _skipped(undisturbed)


def test_rolling_back_goes_past_the_rows_and_those_before(store: ArtifactStore, poison: list[float]) -> None:
    job = _job(store, (6,), action="roll_back")
    heard = Meddler()
    assert run_in_threads(job, 1, lambda _: heard) == ["finished"]
    assert _skipped(job) == {5: "before bad steps", 6: "loss is no number"}
    assert [entry.get("rolled_back_to") for entry in job.folder().read_lines(FILE)] == [None, 4]
    assert "rolled back to step 4" in heard.notes[0]
    assert len(_ledger(job)) == STEPS


def test_many_bad_steps_in_a_row_roll_back(store: ArtifactStore, poison: list[float]) -> None:
    job = _job(store, (5, 6, 7))
    assert run_in_threads(job, 1) == ["finished"]
    assert set(_skipped(job)) == {4, 5, 6, 7}
    assert [entry.get("rolled_back_to") for entry in job.folder().read_lines(FILE)] == [None, None, None, 4]


def test_bad_steps_before_the_first_checkpoint_are_left_out(store: ArtifactStore, poison: list[float]) -> None:
    job = _job(store, (1,), action="roll_back")
    assert run_in_threads(job, 1) == ["finished"]
    assert set(_skipped(job)) == {1}


def test_what_stays_different_without_a_checkpoint_to_go_back_to_becomes_the_rule(
    store: ArtifactStore, tmp_path: Path, poison: list[float]
) -> None:
    """Also for who goes on from the start: the same steps are left out, and the next ones are compared alike."""
    poison[0] = 500.0
    health = {"window": 16, "in_a_row": 2}
    spec = {"checkpoint_every": 100}
    undisturbed = _job(ArtifactStore(str(tmp_path / "undisturbed")), (5, 6, 7, 8, 9), spec, **health)
    assert run_in_threads(undisturbed, 1) == ["finished"]
    assert set(_skipped(undisturbed)) == {5, 6}
    job = _job(store, (5, 6, 7, 8, 9), spec, **health)
    assert isinstance(run_in_threads(job, 1, lambda _: Meddler(fail=9))[0], Broken)
    assert run_in_threads(job, 1) == ["finished"]
    assert _skipped(job) == _skipped(undisturbed)
    assert _bytes(job) == _bytes(undisturbed)


def test_stop_ends_the_run_at_once(store: ArtifactStore, poison: list[float]) -> None:
    (ending,) = run_in_threads(_job(store, (5,), action="stop"), 1)
    assert isinstance(ending, LossError)
    assert "step 5: loss is no number" in str(ending)


def test_more_than_the_bound_ends_the_run_in_every_process(store: ArtifactStore, poison: list[float]) -> None:
    job = _job(store, (4, 7), max_skipped=1)
    endings = run_in_threads(job, 2)
    assert all(isinstance(ending, LossError) for ending in endings)
    assert "raise `training.health.max_skipped`" in str(endings[0])
    assert _last(job).state.step == 4


def test_weights_that_stay_bad_end_the_run_after_the_roll_backs(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    job = _job(store, max_rollbacks=1)
    run_in_threads(job, 1, lambda _: Meddler(stop=4))
    monkeypatch.setattr("workloads.training.objective.summed_cross_entropy", lambda hidden, *rest: hidden.sum() * math.nan)
    (ending,) = run_in_threads(job, 1)
    assert isinstance(ending, LossError)
    assert "bad steps in a row after 1 roll back" in str(ending)
    saved = [json.loads(json.dumps(entry)) for entry in job.folder().read_lines(FILE)]
    assert sum("rolled_back_to" in entry for entry in saved) == 1


def test_bounds_may_change_between_runs_and_the_rest_may_not() -> None:
    def identity(**health: object) -> object:
        return TrainingSpec(health=HealthSpec.model_validate(health)).identity()

    assert identity(max_skipped=7, max_rollbacks=1, hang_seconds=9) == identity()
    for change in ({"action": "stop"}, {"spike_score": 5.0}, {"window": 64}, {"in_a_row": 3}, {"passed_before": 0}):
        assert identity(**change) != identity()


def test_a_healthy_run_is_told_of_nothing(store: ArtifactStore) -> None:
    class Quiet(Unheard):
        def note(self, text: str) -> None:
            pytest.fail(text)

    job = _job(store)
    assert run_in_threads(job, 1, lambda _: Quiet()) == ["finished"]
    assert job.folder().read(FILE) is None
