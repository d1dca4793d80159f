"""A training run that loses a worker (SIGKILL, SIGTERM) goes on from a checkpoint and has read every row exactly once.

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
from tests.workloads.training.conftest import make_tokenizer, make_tokens
from workloads.training.order import LedgerLine, RowOrder, first_fault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

STEPS, BATCH, ROWS, SEED = 150, 6, 40, 7
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
        "steps": STEPS,
        "global_batch": BATCH,
        "micro_batch": 2,
        "checkpoint_every": 10,
        "evaluate_rows": 4,
        "workers": 2,
        "cpus_per_worker": 1,
    },
}
_Found = TypeVar("_Found")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A training run of two workers that has committed its first checkpoint."""
    store = ArtifactStore(str(tmp_path / "store"))
    for artifact in (make_tokens(store, rows=ROWS), make_tokenizer(store)):
        store.set_ref("killed", artifact)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "workloads.training", str(recipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait(lambda: _checkpoints(store) or None, process)
        yield process
    finally:
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


def _assert_exactly_once(model: Artifact) -> None:
    lines = [LedgerLine.from_line(line) for line in model.read("training/ledger.jsonl").decode().splitlines()]
    assert first_fault(lines, stop=STEPS * BATCH, order=RowOrder(ROWS, SEED)) == ""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_lost_worker_costs_no_row(run: subprocess.Popen[str], tmp_path: Path, sent: signal.Signals) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    before = _workers(run)
    assert len(before) == 2
    max(before.values(), key=lambda worker: worker.pid).send_signal(sent)
    after = _wait(lambda: ((new := _workers(run)) and not (new.keys() & before.keys()) and new) or None, run)
    assert len(after) >= 1
    if sent == signal.SIGTERM:  # it left a checkpoint at the step it had reached, not only at a multiple of 10
        steps = {artifact.manifest.counts["step"] % 10 for artifact in _checkpoints(store)}
        assert steps - {0}
    _assert_exactly_once(_finish(run, tmp_path))


def test_sigterm_to_the_driver_leaves_a_run_that_goes_on(run: subprocess.Popen[str], tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=300)
    assert run.returncode == 130
    assert err.strip().splitlines()[-1].startswith("error: training was stopped; its newest checkpoint stands")
    assert "Traceback" not in err
    stopped = _checkpoints(store)[-1].manifest.counts["step"]
    assert 0 < stopped < STEPS
    again = subprocess.Popen(run.args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _assert_exactly_once(_finish(again, tmp_path))
