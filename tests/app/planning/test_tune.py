"""`hanlin tune`: a tiny search on real trials; done once, shown again, gone on with after a loss."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from app.pipeline import context_of
from app.planning.show_tune import page, show_trials
from app.planning.tune import PAGE, RESULT, find_or_search
from app.recipe import load_recipe
from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.observe.progress import SilentReporter
from cluster.session import Session
from tests.workloads.training.conftest import make_tokenizer, make_tokens

RECIPE = """
name: tiny
seed: 3
corpus: {inputs: [raw]}
model: {preset: 2M, hidden_size: 16, layers: 1, heads: 2, kv_heads: 1, head_dim: 8, intermediate_size: 24}
training: {epochs: 1, global_batch: 4, micro_batch: 4, learning_rate: 3.0e-5, warmup_steps: 2, cpus_per_worker: 1}
tune: {trials: 4, share: 0.9, space: {learning_rate: {choices: [1.0e-2, 1.0e-4, 1.0e-6]}}}
"""


def test_a_search_finds_the_rate_that_learns_and_is_done_once(tmp_path: Path, ray_session: Session) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    file, recipe = load_recipe(str(tmp_path / "recipe.yaml"))
    context = context_of(file, recipe, SilentReporter(), lambda: None)
    store = ArtifactStore(context.store.uri)
    for artifact in (make_tokens(store, rows=160), make_tokenizer(store)):
        store.set_ref("tiny", artifact)
    before = signal.getsignal(signal.SIGINT)
    folder = find_or_search(recipe, context)
    assert signal.getsignal(signal.SIGINT) is before, "Ctrl-C is heard by what runs next"
    result = json.loads(storage.read_bytes(folder / RESULT))
    trials = result["trials"]
    assert len(trials) == 4
    best = min((each for each in trials if each["rows"] == each["of_rows"]), key=lambda each: each["loss"])
    assert best["values"] == {"learning_rate": 1e-2}
    assert any(each["rows"] < each["of_rows"] for each in trials), "the worse ones are ended early"
    assert "1e-02" in show_trials(result) or "0.01" in show_trials(result)
    assert b"<polyline" in storage.read_bytes(folder / PAGE)
    again = find_or_search(recipe, replace(context, before_work=lambda: pytest.fail("done already")))
    assert again.uri == folder.uri

    (tmp_path / "runs" / "tune" / folder.name / RESULT).unlink()  # as if the driver had died before it was written
    assert json.loads(storage.read_bytes(find_or_search(recipe, context) / RESULT)) == result


def test_a_diverged_trial_comes_last_and_is_said_so() -> None:
    looks = [[10, 4.0], [20, 3.0]]
    result = {
        "recipe": "r",
        "trials": [
            {"number": 0, "values": {"clip": 1.0}, "rows": 20, "of_rows": 20, "loss": 3.0, "looks": looks},
            {"number": 1, "values": {"clip": 0.0}, "rows": 1, "of_rows": 20, "loss": None, "looks": [[1, float("inf")]]},
            {"number": 2, "values": {"clip": 2.0}, "rows": 10, "of_rows": 20, "loss": 2.9, "looks": looks[:1]},
        ],
    }
    shown = show_trials(result).splitlines()
    assert [line.split()[0] for line in shown[1:4]] == ["0", "2", "1"]
    assert "diverged" in shown[3]
    assert "--set training.clip=1" in shown[-1]
    assert page(result).count("<tr>") == 4
