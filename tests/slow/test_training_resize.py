"""Training gives processors back when others wait for them, takes them again when they are free, and loses no row by it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import ray
import torch
from safetensors.torch import load

from cluster.artifacts import ArtifactStore
from cluster.observe.progress import Value
from cluster.session import Session
from cluster.stage import StageContext
from tests.slow.conftest import Seen
from tests.workloads.training.conftest import QUICK
from tests.workloads.training.test_training_stage import DEEP, TWO, Listening, _train, _train_in_threads
from workloads.models.folder import WEIGHTS
from workloads.training.order import LedgerLine, first_fault
from workloads.training.sizing import Sizer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 3000
SPEC = TWO.model_copy(
    update={
        "steps": STEPS,
        "optimizer": "adamw",  # Muon would take most of a step of so few tokens
        "min_workers": 1,
        "cpus_per_worker": 2,
        "evaluate_every": 1000,
        "checkpoint_every": 10_000,
    }
)


@ray.remote
class Guest:
    """Something that needs the processors."""

    def here(self) -> bool:
        return True


class Resizes(Listening):
    """Keeps every resize in order."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[Value] = []

    def note(self, event: str, **facts: Value) -> None:
        super().note(event, **facts)
        if event == "training_resized":
            self.sizes.append(facts["workers"])


def until(condition: Callable[[], Any]) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 200, "what the test waits for did not come"
        time.sleep(0.05)
    return time.monotonic() - begun


def test_training_makes_room_and_takes_it_back(ray_session: Session, context: StageContext, tmp_path: Any, seen: Seen) -> None:
    reporter = Resizes()
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(_train, replace(context, reporter=reporter), SPEC, DEEP)
        until(lambda: len(reporter.advanced) > 2)
        begun = time.monotonic()
        guest = Guest.options(num_cpus=2).remote()
        assert ray.get(guest.here.remote(), timeout=200)
        seen("training gave its processors to a waiting actor after, s", time.monotonic() - begun)
        assert reporter.sizes == [1]
        before = len(reporter.advanced)
        until(lambda: len(reporter.advanced) > before + 2)
        begun = time.monotonic()
        ray.kill(guest)
        until(lambda: reporter.sizes == [1, 2])
        before = len(reporter.advanced)
        until(lambda: len(reporter.advanced) > before)
        seen("training stepped with all workers again after, s", time.monotonic() - begun)
        model = training.result(600)
    lines = [LedgerLine.from_line(line) for line in model.read("training/ledger.jsonl").decode().splitlines()]
    assert first_fault(lines, stop=STEPS * SPEC.global_batch) == ""
    sizes = [line.participants for line in lines]
    assert [size for size, before_it in zip(sizes, [0, *sizes], strict=False) if size != before_it] == [2, 1, 2]
    undisturbed = _train_in_threads(replace(context, store=ArtifactStore(str(tmp_path / "other"))), SPEC, DEEP)
    assert abs(model.manifest.metrics["heldout_loss"] - undisturbed.manifest.metrics["heldout_loss"]) < 0.05
    assert set(load(model.read(WEIGHTS))) == set(load(undisturbed.read(WEIGHTS)))
    assert torch.isfinite(torch.cat([each.flatten() for each in load(model.read(WEIGHTS)).values()])).all()


def test_room_that_was_taken_meanwhile_does_not_keep_the_rest_waiting(
    ray_session: Session, context: StageContext, monkeypatch: pytest.MonkeyPatch, seen: Seen
) -> None:
    spec = QUICK.model_copy(update={"workers": 3, "min_workers": 1, "cpus_per_worker": 1})
    guest = Guest.options(num_cpus=2).remote()
    assert ray.get(guest.here.remote(), timeout=200)
    monkeypatch.setattr(Sizer, "first", lambda self: 3)  # as if the guest had come right after the look
    reporter = Resizes()
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(_train, replace(context, reporter=reporter), spec)
        model = training.result(200)
    seen("training with fewer workers in room that was taken meanwhile, done after, s", time.monotonic() - begun)
    ray.kill(guest)
    assert reporter.sizes == [2]
    lines = [LedgerLine.from_line(line) for line in model.read("training/ledger.jsonl").decode().splitlines()]
    assert {line.participants for line in lines} == {2}
    assert first_fault(lines, stop=spec.steps * spec.global_batch) == ""
