"""A day on one cluster: under load training gives room to a second copy of the model, in calm it takes it back; none is harmed."""

import json
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from cluster.artifacts import ArtifactStore
from tests.slow.conftest import Seen
from workloads.training.order import LedgerLine, first_fault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
DAY = Path(__file__).resolve().parents[2] / "benchmarks" / "day.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a whole day, with fewer answers than the benchmark waits for, has left what it saw."""
    folder = tmp_path_factory.mktemp("day")
    subprocess.run([sys.executable, str(DAY), "--folder", str(folder), "--answers", "30"], check=True, timeout=1400)
    return folder


@pytest.fixture
def day(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "day.json").read_text(encoding="utf-8"))
    return found


def test_training_gives_room_under_load_and_takes_it_back_and_no_request_fails(day: dict[str, Any], seen: Seen) -> None:
    phases = {each["name"]: each for each in day["phases"]}
    for name, phase in phases.items():
        seen(f"day, {name}: p95 of {phase['answered']} requests, s", phase["p95"])
        seen(f"day, {name}: training with {phase['workers']} workers, tokens/s", phase["tokens_per_second"])
    seen("day: from load to the second copy, s", phases["morning"]["until_replicas"])
    seen("day: from calm to the steps of all workers, s", phases["evening"]["until_steps"])
    seen("day: training's goodput", day["goodput"])
    assert {name: phase["first_failure"] for name, phase in phases.items() if phase["failed"]} == {}
    sizes = [(phase["replicas"], phase["workers"]) for phase in phases.values()]
    assert sizes == [(1, 3), (2, 2), (2, 2), (1, 3), (1, 3)]
    assert all(phases[name]["answered"] >= 30 for name in ("night", "noon", "night again"))
    assert 0 < day["goodput"] <= 1


def test_every_row_was_read_exactly_once_across_the_resizes(folder: Path, day: dict[str, Any]) -> None:
    checkpoint = ArtifactStore(str(folder / "runs")).ref("tomorrow", "checkpoint")
    lines = [LedgerLine.from_line(line) for line in checkpoint.read("ledger.jsonl").decode().splitlines()]
    assert len(lines) == day["steps"]
    assert first_fault(lines, stop=checkpoint.manifest.counts["position"]) == ""
    assert [size for size, _ in groupby(line.participants for line in lines)][-3:] == [3, 2, 3]
