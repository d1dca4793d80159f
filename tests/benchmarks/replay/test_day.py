"""What a day leaves: a table by the hour with the release's steps at their times, and JSON that holds all of it."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from app.registry.audit import AuditEntry
from app.release.state import Decision, Phase
from benchmarks.replay.clients import Answer
from benchmarks.replay.hours import by_hour
from benchmarks.replay.play import RELEASE, Day
from benchmarks.replay.revisions import damaged_model, recipe_of
from benchmarks.serving_day import show
from cluster.artifacts import ArtifactStore
from tests.workloads.serving.tiny_model import commit_model, write_model


@pytest.fixture
def day() -> Day:
    answers = [Answer(at, 0.001, 0.1, 0.2, "day@3" if at > 8.5 else "day@1", "miss") for at in (0.5, 8.2, 8.8, 9.1)]
    answers.append(Answer(9.2, 0.0, failure="503: gone"))
    steps = [("start", 8.0, 0.0), ("step", 8.3, 0.0), ("step", 8.5, 0.1), ("rollback", 9.6, 0.0)]
    decisions = [Decision(1000.0 + at, action, f"because of {action}", share) for action, at, share in steps]
    line = AuditEntry(1, "2026-11-28T10:00:00.000+00:00", "a@b", "release_rollback", "day", "3", "1", "bits: worse", "0" * 64)
    return Day(
        24.0, 1000.0, "day@3", Phase.ROLLED_BACK, by_hour(answers, 24.0, "day@3"), decisions, [line], [0.001], ["503: gone"]
    )


def test_the_table_tells_hours_and_steps(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    show(day)
    lines = capsys.readouterr().out.splitlines()
    assert "| 08 | 2 | 2.0 | 100 / 100 / 100 | 200 / 200 / 200 | 0 | 0 | 0 | 50% | start; shadow; 10% |" in lines
    assert "| 09 | 2 | 1.0 | 100 / 100 / 100 | 200 / 200 / 200 | 0 | 0 | 1 | 100% | rollback |" in lines
    assert "| 05 | 0 | 0.0 | - | - | 0 | 0 | 0 | 0% |  |" in lines
    assert "first failure: 503: gone; the load generator was late by 1 ms at 95 %; the release: rolled_back" in lines
    assert "| 08:30 | 8.5 | step | 10% | because of step |" in lines


def test_all_of_it_is_kept(day: Day) -> None:
    kept = json.loads(json.dumps(asdict(day), ensure_ascii=False))
    assert (kept["phase"], kept["audit"][0]["reason"], len(kept["hours"])) == ("rolled_back", "bits: worse", 24)


def test_the_day_is_a_recipe_that_the_project_takes() -> None:
    recipe = recipe_of(Path("text.jsonl"), 40, RELEASE)
    assert recipe.release.steps[-1] == 1
    assert recipe.training.steps == 40


def test_a_damaged_model_differs_in_few_weights_and_has_no_others(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path / "store"))
    model = commit_model(store, write_model(tmp_path / "tiny"), "tiny")
    damaged = damaged_model(store, model, 0.004)
    assert damaged_model(store, model, 0.004).fingerprint == damaged.fingerprint
    assert {each.path for each in damaged.entries()} == {each.path for each in model.entries()}
    before, after = (load_file(each.local_folder() / "model.safetensors") for each in (model, damaged))
    changed = sum(int((before[name] != after[name]).sum()) for name in before)
    total = sum(each.numel() for each in before.values())
    assert 0 < changed < 0.01 * total
    for name in before:
        assert torch.equal(before[name].flatten().sort().values, after[name].flatten().sort().values)
