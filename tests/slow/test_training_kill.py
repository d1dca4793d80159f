"""A training run that loses a worker (SIGKILL, SIGTERM) goes on without it and takes a new one; one that loses everything goes on
from a checkpoint. Both have read every row exactly once.

Each test starts `python -m workloads.training` with a private Ray of its own, and ends only processes of that run.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
import yaml

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError
from cluster.observe.progress import SilentReporter
from cluster.stage import StageContext
from tests.workloads.training.conftest import make_tokenizer, make_tokens
from tests.workloads.training.test_training_stage import _train_in_threads
from workloads.models.folder import WEIGHTS
from workloads.models.spec import ModelSpec
from workloads.training.order import LedgerLine, RowOrder, first_fault
from workloads.training.spec import TrainingSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

LONG, SHORT, EVERY, BATCH, ROWS, SEED = 1500, 150, 10, 6, 40, 7
RECIPE = {
    "name": "killed",
    "store": "store",
    "seed": SEED,
    "model": {
        "preset": "2M",
        "hidden_size": 128,
        "layers": 8,
        "heads": 4,
        "kv_heads": 2,
        "head_dim": 32,
        "intermediate_size": 256,
    },
    "training": {
        "steps": LONG,
        "optimizer": "adamw",  # Muon would take most of a step of so few tokens
        "global_batch": BATCH,
        "micro_batch": 2,
        "checkpoint_every": EVERY,
        "evaluate_rows": 4,
        "workers": 2,
        "cpus_per_worker": 1,
    },
}
_Found = TypeVar("_Found")


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a training run of two workers and returns once it has committed a checkpoint."""
    store = ArtifactStore(str(tmp_path / "store"))
    for artifact in (make_tokens(store, rows=ROWS), make_tokenizer(store)):
        store.set_ref("killed", artifact)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    begun: list[subprocess.Popen[str]] = []

    def run(steps: int = LONG) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workloads.training", str(recipe), "--set", f"training.steps={steps}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun.append(process)
        _wait(lambda: _checkpoints(store) or None, process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(180)


def _wait(look: Callable[[], _Found | None], process: subprocess.Popen[str], seconds: float = 400) -> _Found:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError("nothing came within the time")


def _workers(process: subprocess.Popen[str]) -> dict[int, psutil.Process]:
    """The training workers of this run by process id."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(child.cmdline()):
                found[child.pid] = child
        except psutil.NoSuchProcess:
            continue
    return found


def _checkpoints(store: ArtifactStore) -> list[Artifact]:
    try:
        return list(store.artifacts("checkpoint"))
    except ArtifactError:  # one was dropped while we looked
        return []


def _finish(process: subprocess.Popen[str], tmp_path: Path) -> Artifact:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "/model/" in out
    return ArtifactStore(str(tmp_path / "store")).ref("killed", "model")


def _sizes(model: Artifact, steps: int) -> list[int]:
    """The workers of each step, in a ledger without a fault."""
    lines = [LedgerLine.from_line(line) for line in model.read("training/ledger.jsonl").decode().splitlines()]
    assert first_fault(lines, stop=steps * BATCH, order=RowOrder(ROWS, SEED)) == ""
    return [line.participants for line in lines]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_the_others_go_on_without_a_lost_worker_and_take_its_replacement(
    start: Start, tmp_path: Path, sent: signal.Signals
) -> None:
    run, store = start(), ArtifactStore(str(tmp_path / "store"))
    before = _workers(run)
    assert len(before) == 2
    lost = max(before)
    before[lost].send_signal(sent)
    _wait(lambda: _workers(run).keys() - before.keys() or None, run)
    assert before.keys() - {lost} <= _workers(run).keys()
    if sent == signal.SIGTERM:  # it left a checkpoint at the step it had reached, not only where one was due
        assert {artifact.manifest.counts["step"] % EVERY for artifact in _checkpoints(store)} - {0}
    sizes = _sizes(_finish(run, tmp_path), LONG)
    assert [size for size, last in zip(sizes, [0, *sizes], strict=False) if size != last] == [2, 1, 2]


def test_sigterm_to_the_driver_leaves_a_run_that_goes_on(start: Start, tmp_path: Path) -> None:
    run, store = start(), ArtifactStore(str(tmp_path / "store"))
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=300)
    assert run.returncode == 130
    assert err.strip().splitlines()[-1].startswith("error: training was stopped; its newest checkpoint stands")
    assert "Traceback" not in err
    stopped = _checkpoints(store)[-1].manifest.counts["step"]
    assert 0 < stopped < LONG
    again = subprocess.Popen(run.args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _sizes(_finish(again, tmp_path), LONG)


def test_when_everything_dies_at_once_the_run_goes_on_from_its_checkpoint_to_equal_weights(
    start: Start, tmp_path: Path
) -> None:
    run = start(SHORT)
    for process in (psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)):
        process.kill()
    run.communicate()
    model = _finish(start(SHORT), tmp_path)
    assert _sizes(model, SHORT) == [2] * SHORT
    assert model.read(WEIGHTS) == _undisturbed(tmp_path / "undisturbed").read(WEIGHTS)


def _undisturbed(folder: Path) -> Artifact:
    """The same run in a store of its own, on two threads."""
    context = StageContext("killed", ArtifactStore(str(folder)), SilentReporter(), SEED, folder)
    training = TrainingSpec.model_validate(RECIPE["training"] | {"steps": SHORT})
    return _train_in_threads(context, training, ModelSpec.model_validate(RECIPE["model"]))
