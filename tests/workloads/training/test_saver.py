"""Writing beside training: what is saved is what was there at the call, one write at a time, and errors come back."""

import threading

import pytest
import torch

from cluster.artifacts import Artifact
from cluster.errors import StorageError
from workloads.training.checkpoint import CheckpointStore, Content, LoopState
from workloads.training.job import Job
from workloads.training.saver import Saver, Snapshot


def _content(step: int, weight: torch.Tensor) -> Content:
    return Content(LoopState(step=step), {"w": weight}, {"m.w": weight + 1}, [f"{step}"], ["line"])


def test_what_changes_after_the_call_is_not_saved(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    go, save = threading.Event(), CheckpointStore.save

    def slow(self: CheckpointStore, content: Content) -> Artifact:
        assert go.wait(60)
        return save(self, content)

    monkeypatch.setattr(CheckpointStore, "save", slow)
    saver, weight = Saver(job.checkpoints()), torch.ones(3)
    content = _content(4, weight)
    saver.save(content)
    assert saver.written() == []
    weight.zero_()
    content.ledger.append("later")  # type: ignore[attr-defined]
    go.set()
    saver.wait()
    assert saver.written() == [4]
    assert saver.written() == []
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    assert torch.equal(found.weights()["w"], torch.ones(3))
    assert found.lines("ledger.jsonl") == ["line"]


def test_a_second_write_waits_for_the_first(job: Job) -> None:
    saver, weight = Saver(job.checkpoints()), torch.ones(3)
    for step in (4, 8, 12):
        saver.save(_content(step, weight * step))
    saver.close()
    assert saver.written() == [4, 8, 12]
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    assert torch.equal(found.weights()["w"], torch.full((3,), 12.0))


def test_what_a_write_raises_is_raised_by_the_next_call(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: CheckpointStore, content: Content) -> Artifact:
        raise StorageError("no space left while writing", "", "")

    monkeypatch.setattr(CheckpointStore, "save", full)
    saver = Saver(job.checkpoints())
    saver.save(_content(4, torch.ones(1)))
    with pytest.raises(StorageError):
        saver.wait()
    saver.wait()  # told once


def test_buffers_are_used_again() -> None:
    snapshot, weight = Snapshot(), torch.ones(3)
    first = snapshot.take({"w": weight})["w"]
    weight.zero_()
    assert torch.equal(first, torch.ones(3))
    assert snapshot.take({"w": weight})["w"] is first
    assert snapshot.take({"w": torch.ones(4)})["w"].shape == (4,)
