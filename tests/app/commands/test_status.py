"""`hanlin status` from another terminal."""

from pathlib import Path

import pytest

from app.cli import main
from cluster.artifacts import ArtifactStore
from cluster.observe.progress import SilentReporter
from cluster.observe.status import StatusReporter
from workloads.training.lost_time import Bookkeeper
from workloads.training.overseer import Overseer
from workloads.training.run_folder import RunFolder

WORK = "a" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training run in progress and the recipe of it."""
    (tmp_path / "recipe.yaml").write_text("name: mine\nstore: runs\ncorpus: {inputs: [{path: data}]}\n", encoding="utf-8")
    store = ArtifactStore(str(tmp_path / "runs"))
    reporter = StatusReporter(SilentReporter(), store.root, "mine")
    reporter.start("training", "tokens", 1000)
    reporter.note("training_plan", work=WORK)
    reporter.advance("training", 250, loss=3.25, goodput=0.9, workers=2)
    reporter.write()
    Bookkeeper(RunFolder.of(store, WORK), 0.0, now=lambda: 12.0).step(1, {"compute": 9.0, "checkpoint": 1.0}, True)
    Overseer("mine", RunFolder.of(store, WORK), SilentReporter()).record("hang", "rank 1 hangs in data")
    return tmp_path


def _shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["status", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_running_job_is_shown_with_its_account_and_incidents(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(capsys, str(folder / "recipe.yaml"))
    for part in (
        "mine running since",
        "training",
        "25 %",
        "loss 3.25",
        "workers 2",
        "goodput share=",
        "checkpoint=",
        "rank 1 hangs",
    ):
        assert part in shown
    assert _shown(capsys, "--store", str(folder / "runs")).startswith("mine running since")
    assert not (folder / "runs" / "model").exists()


def test_where_nothing_runs_a_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--store", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "no run has told anything" in error
    assert len(error.strip().splitlines()) == 1
