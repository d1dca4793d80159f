"""Checkpoints: whole or absent, the newest whole one is found, old ones go."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.errors import ArtifactError, StorageError
from cluster.garbage import garbage
from tests.workloads.training.conftest import TINY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.training.checkpoint import (
    LEDGER,
    METRICS,
    WEIGHTS,
    CheckpointStore,
    Content,
    LoopState,
    near_store,
    restore_random_state,
    with_random_state,
)
from workloads.training.job import Job
from workloads.training.optimizer import create_state, make_optimizer, optimizer_tensors, restore_optimizer
from workloads.training.retention import Retention
from workloads.training.spec import TrainingSpec


def _content(step: int) -> Content:
    state = LoopState(step=step, position=6 * step, tokens=90 * step, seconds=1.5, total_steps=20)
    weights = {"w": torch.full((3,), float(step))}
    return Content(state, weights, {"exp_avg.w": torch.ones(3)}, [f'{{"step": {step}}}'], ["ledger"] * step)


def test_a_checkpoint_comes_back(job: Job) -> None:
    checkpoints = job.checkpoints()
    checkpoints.save(_content(4))
    found = checkpoints.newest(pytest.fail)
    assert found is not None
    assert found.state == _content(4).state
    assert torch.equal(found.weights()["w"], torch.full((3,), 4.0))
    assert torch.equal(found.optimizer()["exp_avg.w"], torch.ones(3))
    assert (found.lines(METRICS), found.lines(LEDGER)) == (['{"step": 4}'], ["ledger"] * 4)
    assert found.artifact.location.name == f"{job.work.fingerprint}-00000004"
    assert not list(found.folder.glob("*.pt"))


def test_only_the_newest_are_kept_and_the_last_is_remembered(job: Job, store: ArtifactStore) -> None:
    for step in (4, 8, 12):
        job.checkpoints().save(_content(step))
    assert [a.manifest.counts["step"] for a in store.artifacts("checkpoint")] == [8, 12]
    assert store.ref(job.run, "checkpoint").manifest.counts["step"] == 12
    assert not [place for place in garbage(store) if place.name.endswith("00000012")]


@pytest.mark.parametrize("damage", ["flip", "remove", "cut"])
def test_a_damaged_checkpoint_is_passed_over_with_a_note(job: Job, damage: str) -> None:
    checkpoints = job.checkpoints()
    checkpoints.save(_content(4))
    file = Path(checkpoints.save(_content(8)).location.path) / WEIGHTS
    data = file.read_bytes()
    if damage == "remove":
        file.unlink()
    else:
        file.write_bytes(data[:-1] + (bytes([data[-1] ^ 1]) if damage == "flip" else b""))
    notes: list[str] = []
    found = checkpoints.newest(notes.append)
    assert found is not None
    assert found.state.step == 4
    assert len(notes) == 1
    assert WEIGHTS in notes[0]


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(job: Job) -> None:
    checkpoints = job.checkpoints()
    file = Path(checkpoints.save(_content(4)).location.path) / WEIGHTS
    file.write_bytes(b"x")
    checkpoints.save(_content(4))
    assert checkpoints.newest(pytest.fail) is not None


def test_one_that_was_never_committed_does_not_exist(job: Job, store: ArtifactStore) -> None:
    artifact = job.checkpoints().save(_content(4))
    storage.write_bytes(store.root / "checkpoint" / f"{job.work.fingerprint}-00000008" / WEIGHTS, b"half")
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    assert found.artifact.location.name == artifact.location.name


def test_another_work_has_other_checkpoints(job: Job, store: ArtifactStore) -> None:
    job.checkpoints().save(_content(4))
    work = job.work.__class__("model", {"other": 1}, job.work.inputs, 1)
    assert CheckpointStore(store, work, "test").newest(pytest.fail) is None


def test_a_failed_write_commits_nothing(job: Job, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    job.checkpoints().save(_content(4))

    def full(file: storage.Location, data: bytes) -> None:
        raise StorageError("no space left while writing", "", "")

    monkeypatch.setattr(storage, "write_bytes", full)
    with pytest.raises(StorageError):
        job.checkpoints().save(_content(8))
    assert [a.manifest.counts["step"] for a in store.artifacts("checkpoint")] == [4]
    assert not storage.list_folders(store.root / ".staging")


def test_the_random_state_comes_back() -> None:
    torch.manual_seed(3)
    state = with_random_state(LoopState())
    wanted = torch.rand(4)
    restore_random_state(LoopState.from_json(state.to_json()))
    assert torch.equal(torch.rand(4), wanted)


def test_the_optimizer_comes_back_and_refuses_another_models() -> None:
    def fresh(layers: int) -> tuple[torch.nn.Module, torch.optim.AdamW]:
        model = build_decoder(decoder_config(TINY.model_copy(update={"layers": layers}), 64, 16), seed=0)
        return model, make_optimizer(model, TrainingSpec(optimizer="adamw"))

    model, optimizer = fresh(2)
    create_state(model, optimizer)
    for number, tensor in enumerate(optimizer_tensors(model, optimizer).values()):
        tensor.fill_(number)
    saved = {name: tensor.clone() for name, tensor in optimizer_tensors(model, optimizer).items()}
    again, other = fresh(2)
    restore_optimizer(again, other, saved)
    assert all(torch.equal(saved[name], tensor) for name, tensor in optimizer_tensors(again, other).items())
    with pytest.raises(ArtifactError, match="lacks step"):
        restore_optimizer(*fresh(3), saved)


def test_a_manifest_that_was_cut_is_passed_over_with_a_note(job: Job) -> None:
    checkpoints = job.checkpoints()
    checkpoints.save(_content(4))
    manifest = Path(checkpoints.save(_content(8)).location.path) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:40])
    notes: list[str] = []
    found = checkpoints.newest(notes.append)
    assert found is not None
    assert found.state.step == 4
    assert "manifest" in notes[0]


def test_every_cut_of_a_checkpoint_in_the_making_is_seen(job: Job, store: ArtifactStore) -> None:
    """Whatever files of a checkpoint are there, and however much of each: without all of them it is none."""
    job.checkpoints().save(_content(4))
    whole = Path(job.checkpoints().save(_content(8)).location.path)
    files = {file.name: file.read_bytes() for file in whole.iterdir()}
    for name, data in files.items():
        for part in (None, data[: len(data) // 2], b""):
            if part is None:
                (whole / name).unlink()
            else:
                (whole / name).write_bytes(part)
            found = job.checkpoints().newest(lambda _: None)
            assert found is not None
            assert found.state.step == 4, name
            (whole / name).write_bytes(data)
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    assert found.state.step == 8


def test_the_newest_of_a_step_or_before(job: Job) -> None:
    checkpoints = replace(job.checkpoints(), retention=Retention(last=3))
    for step in (4, 8, 12):
        checkpoints.save(_content(step))
    steps = [found.state.step for most in (3, 4, 11, 99) if (found := checkpoints.newest(pytest.fail, most))]
    assert steps == [4, 4, 8, 12]
    checkpoints.drop_after(4)
    found = checkpoints.newest(pytest.fail)
    assert found is not None
    assert found.state.step == 4


def test_the_best_outlives_the_newest(job: Job, store: ArtifactStore) -> None:
    checkpoints = replace(job.checkpoints(), retention=Retention(last=1, best=1))
    for step, loss in ((4, 3.0), (8, 2.0), (12, 2.5), (16, 2.6)):
        content = _content(step)
        checkpoints.save(replace(content, state=replace(content.state, heldout=loss)))
    assert [a.manifest.counts["step"] for a in store.artifacts("checkpoint")] == [8, 16]


def test_on_this_machines_disk_first_and_then_in_the_durable_store(job: Job, store: ArtifactStore, tmp_path: Path) -> None:
    near = ArtifactStore(str(tmp_path / "near"))
    checkpoints = replace(job.checkpoints(), near=near)
    durable = checkpoints.save(_content(4))
    durable.verify()
    checkpoints.save_near(_content(6))
    assert [a.manifest.counts["step"] for a in store.artifacts("checkpoint")] == [4]
    assert [a.manifest.counts["step"] for a in near.artifacts("checkpoint")] == [6]
    found = checkpoints.newest(pytest.fail)
    assert found is not None
    assert found.state.step == 6
    file = found.folder / WEIGHTS
    file.write_bytes(b"cut")
    notes: list[str] = []
    found = checkpoints.newest(notes.append)
    assert found is not None
    assert (found.state.step, len(notes)) == (4, 1)
    checkpoints.forget_near()
    assert not list(near.artifacts("checkpoint"))
    assert job.checkpoints().newest(pytest.fail) is not None


def test_a_store_far_away_has_one_on_this_machines_disk(job: Job) -> None:
    assert job.checkpoints().near is None
    assert replace(job, spec=job.spec.model_copy(update={"local_checkpoint_every": 5})).checkpoints().near is not None
    assert near_store(ArtifactStore("a")).uri != near_store(ArtifactStore("b")).uri
