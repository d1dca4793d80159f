"""A run that was stopped, broken or resized and goes on: equal to the bit where it must be, each row exactly once."""

import json
from pathlib import Path

import pytest
import torch

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError, StorageError
from tests.workloads.training.conftest import QUICK, make_job, make_tokenizer, make_tokens, run_in_threads
from workloads.training.checkpoint import LEDGER, METRICS, OPTIMIZER, WEIGHTS, Checkpoint, CheckpointStore, Content
from workloads.training.job import Job, TokenCounts, open_feed
from workloads.training.listener import Unheard
from workloads.training.metrics import StepRecord
from workloads.training.order import LedgerLine, first_fault


class Broken(Exception):
    """What a test breaks a run with."""


class Meddler(Unheard):
    """Stops, breaks or leaves after a step."""

    def __init__(self, stop: int = 0, fail: int = 0, leave: int = 0) -> None:
        self._stop, self._fail, self._leave = stop, fail, leave
        self.seen = 0
        self.notes: list[str] = []
        self.saves: list[int] = []

    def _look(self, record: StepRecord) -> None:
        self.seen = record.step
        if record.step == self._fail:
            raise Broken

    def step(self, record: StepRecord) -> None:
        self._look(record)

    def line(self, record: StepRecord) -> None:
        self._look(record)

    def saved(self, step: int) -> None:
        self.saves.append(step)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stop_wanted(self) -> bool:
        return 0 < self._stop <= self.seen

    def leave_wanted(self) -> bool:
        return 0 < self._leave <= self.seen


def _last(job: Job) -> Checkpoint:
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    return found


def _bytes(job: Job) -> tuple[bytes, bytes]:
    last = _last(job)
    assert last.state.finished
    return (last.folder / WEIGHTS).read_bytes(), (last.folder / OPTIMIZER).read_bytes()


def _assert_exactly_once(job: Job) -> None:
    lines = [LedgerLine.from_line(line) for line in _last(job).lines(LEDGER)]
    tokens = ArtifactStore(job.store_uri).open("tokens", job.tokens)
    order = open_feed(job, TokenCounts.of(tokens), tokens.local_folder(), torch.device("cpu")).order
    assert first_fault(lines, stop=12 * QUICK.global_batch, order=order) == ""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Job:
    """The same job in a store of its own: the run that nothing disturbs."""
    store = ArtifactStore(str(tmp_path / "undisturbed"))
    return make_job(store, make_tokens(store), make_tokenizer(store))


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("step", [1, 4, 7, 11])
def test_stopped_and_resumed_equals_undisturbed_to_the_bit(job: Job, elsewhere: Job, size: int, step: int) -> None:
    assert run_in_threads(elsewhere, size) == ["finished"] * size
    assert run_in_threads(job, size, lambda _: Meddler(stop=step)) == ["stopped"] * size
    assert _last(job).state.step == step + 1
    assert run_in_threads(job, size) == ["finished"] * size
    assert _bytes(job) == _bytes(elsewhere)
    _assert_exactly_once(job)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("step", [5, 8, 10])
def test_broken_and_resumed_equals_undisturbed_to_the_bit(job: Job, elsewhere: Job, size: int, step: int) -> None:
    run_in_threads(elsewhere, size)
    broken = run_in_threads(job, size, lambda rank: Meddler(fail=step if rank == 0 else 0))
    assert isinstance(broken[0], Broken)
    assert _last(job).state.step == 4 * ((step - 1) // 4)  # the last checkpoint before the break
    assert run_in_threads(job, size) == ["finished"] * size
    assert _bytes(job) == _bytes(elsewhere)
    _assert_exactly_once(job)


def test_a_run_goes_on_from_its_machines_own_disk_where_that_is_newer(
    store: ArtifactStore, tokens: Artifact, tokenizer: Artifact, elsewhere: Job
) -> None:
    job = make_job(store, tokens, tokenizer, QUICK.model_copy(update={"checkpoint_every": 8, "local_checkpoint_every": 3}))
    run_in_threads(elsewhere, 1)
    run_in_threads(job, 1, lambda _: Meddler(fail=7))
    assert _last(job).state.step == 6
    assert list(store.artifacts("checkpoint")) == []
    assert run_in_threads(job, 1) == ["finished"]
    assert _bytes(job) == _bytes(elsewhere)
    near = job.checkpoints().near
    assert near is not None
    assert not list(near.artifacts("checkpoint"))


def test_a_run_that_is_resized_reads_every_row_once_and_learns_the_same(job: Job, elsewhere: Job) -> None:
    run_in_threads(elsewhere, 1)
    run_in_threads(job, 3, lambda _: Meddler(stop=3))
    run_in_threads(job, 2, lambda rank: Meddler(leave=6 if rank == 0 else 0))
    assert _last(job).state.step == 7
    assert run_in_threads(job, 1) == ["finished"]
    _assert_exactly_once(job)
    for name, weight in _last(job).weights().items():
        torch.testing.assert_close(weight, _last(elsewhere).weights()[name], rtol=1e-2, atol=1e-3)
    assert {json.loads(line)["participants"] for line in _last(job).lines(LEDGER)} == {1, 2, 3}


@pytest.mark.parametrize("rows", [6, 7])
def test_each_steps_loss_is_the_same_on_any_number_of_processes_but_for_rounding(tmp_path: Path, rows: int) -> None:
    """Micro-batches of two rows: three or four of them, which two processes, or three, do not share evenly."""
    spec = QUICK.model_copy(update={"global_batch": rows, "log_every": 1, "precision": "f32"})
    curves = []
    for size in (1, 2, 3):
        store = ArtifactStore(str(tmp_path / f"{size}"))
        job = make_job(store, make_tokens(store), make_tokenizer(store), spec)
        run_in_threads(job, size)
        curves.append([json.loads(line)["loss"] for line in _last(job).lines(METRICS)])
    assert len(curves[0]) == 12
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    assert curves[2] == pytest.approx(curves[0], rel=1e-4)


def test_one_process_that_leaves_takes_all_to_a_checkpoint(job: Job) -> None:
    assert run_in_threads(job, 2, lambda rank: Meddler(leave=1)) == ["left", "left"]
    assert _last(job).state.step == 2


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(job: Job, elsewhere: Job) -> None:
    run_in_threads(elsewhere, 1)
    run_in_threads(job, 1, lambda _: Meddler(stop=9))
    file = _last(job).folder / WEIGHTS
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\0")
    meddler = Meddler()
    assert run_in_threads(job, 1, lambda _: meddler) == ["finished"]
    assert WEIGHTS in meddler.notes[0]
    assert _bytes(job) == _bytes(elsewhere)
    _assert_exactly_once(job)


def test_it_learns_and_writes_what_happened(job: Job) -> None:
    run_in_threads(job, 1)
    records = [json.loads(line) for line in _last(job).lines(METRICS)]
    assert [record["step"] for record in records] == [2, 4, 6, 8, 10, 12]
    assert [record["step"] for record in records if "heldout_loss" in record] == [4, 8, 12]
    assert records[-1]["loss"] < 0.9 * records[0]["loss"]
    assert records[-1]["heldout_bits_per_character"] == pytest.approx(
        records[-1]["heldout_loss"] / 0.6931 * 635 / 1280, rel=1e-3
    )
    assert records[-1]["position"] == 72
    assert all(record["tokens_per_second"] > 0 and record["mfu"] > 0 for record in records)


def test_a_finished_run_does_nothing_when_run_again(job: Job) -> None:
    run_in_threads(job, 1)
    before = _bytes(job)
    meddler = Meddler()
    assert run_in_threads(job, 1, lambda _: meddler) == ["finished"]
    assert meddler.seen == 0
    assert _bytes(job) == before


def test_a_checkpoint_of_spoilt_weights_is_left_for_the_one_before(job: Job) -> None:
    run_in_threads(job, 1, lambda _: Meddler(stop=5))
    spoilt = _last(job)
    weights = {name: torch.full_like(weight, float("nan")) for name, weight in spoilt.weights().items()}
    job.checkpoints().save(Content(spoilt.state, weights, spoilt.optimizer(), spoilt.lines(METRICS), spoilt.lines(LEDGER)))
    meddler = Meddler()
    assert run_in_threads(job, 1, lambda _: meddler) == ["finished"]
    assert "rolled back to step 4" in meddler.notes[-1]
    assert all(torch.isfinite(weight).all() for weight in _last(job).weights().values())
    _assert_exactly_once(job)


@pytest.mark.parametrize("size", [1, 2])
def test_a_checkpoint_that_cannot_be_written_stops_all_and_is_told(
    job: Job, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = CheckpointStore.save

    def full(self: CheckpointStore, content: Content) -> Artifact:
        if content.state.step >= 8:
            raise StorageError("no space left while writing", "", "free space")
        return save(self, content)

    monkeypatch.setattr(CheckpointStore, "save", full)
    endings = run_in_threads(job, size)
    assert isinstance(endings[0], StorageError)
    assert endings[1:] == ["stopped"] * (size - 1)
    assert _last(job).state.step == 4


def test_rows_with_a_changed_byte_are_refused(job: Job, tokens: Artifact) -> None:
    file = Path(tokens.location.path) / "train" / "shard-00000.arrow"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    (ending,) = run_in_threads(job, 1)
    assert isinstance(ending, ArtifactError)
    assert "differs from its manifest" in str(ending)


def test_a_flat_loss_ends_a_run_early_with_a_decayed_rate(store: ArtifactStore, tokens: Artifact, tokenizer: Artifact) -> None:
    spec = QUICK.model_copy(update={"steps": 400, "stop_when_flat": 2, "learning_rate": 1e-9, "weight_decay": 0.0})
    job = make_job(store, tokens, tokenizer, spec)
    assert run_in_threads(job, 1) == ["finished"]
    state = _last(job).state
    assert state.step == state.total_steps < 60
    assert json.loads(_last(job).lines(METRICS)[-1])["learning_rate"] < 0.5e-9


def test_a_wall_clock_limit_is_kept_in_the_checkpoint(store: ArtifactStore, tokens: Artifact, tokenizer: Artifact) -> None:
    spec = QUICK.model_copy(update={"steps": 100_000, "minutes": 1.0, "schedule": "cosine", "checkpoint_every": 1000})
    job = make_job(store, tokens, tokenizer, spec)
    planned = Meddler()
    job_ending = run_in_threads(job, 1, lambda _: _StopOncePlanned(planned))
    assert job_ending == ["stopped"]
    total = _last(job).state.total_steps
    assert total > _last(job).state.step
    run_in_threads(job, 1, lambda _: Meddler(stop=1))
    assert _last(job).state.total_steps == total


class _StopOncePlanned(Meddler):
    """Stops as soon as the number of steps is foreseen (3 s of a minute)."""

    def __init__(self, inner: Meddler) -> None:
        super().__init__()
        self._inner, self._planned = inner, 0

    def step(self, record: StepRecord) -> None:
        self._planned += bool(record.expected_steps)

    line = step

    def stop_wanted(self) -> bool:
        return self._planned >= 3


def test_every_checkpoint_is_told_once_by_the_first_process(job: Job) -> None:
    listeners = [Meddler(), Meddler()]
    run_in_threads(job, 2, lambda rank: listeners[rank])
    assert [each.saves for each in listeners] == [[4, 8, 12], []]
