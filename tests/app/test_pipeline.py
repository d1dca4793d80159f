"""The whole path once, small: raw text to a registered revision; done work is not done again; a change redoes what follows."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.pipeline import Outcome, context_of, run_pipeline
from app.recipe import load_recipe
from app.summary import outcome_tables, sparkline
from cluster.errors import ResourceError
from cluster.observe.progress import SilentReporter, Value
from cluster.session import Session
from workloads.corpus.demo import write_demo_corpus
from workloads.serving.builds.stage import find_build
from workloads.serving.engine.openvino import runtime

RECIPE = """
name: tiny
seed: 3
corpus: {inputs: [raw], heldout_share: 0.1}
tokenizer: {vocab_size: 400, chat_template: qa}
tokens: {sequence_length: 64}
model: {preset: 2M, hidden_size: 32, layers: 1, heads: 2, kv_heads: 1, head_dim: 16, intermediate_size: 64}
training: {steps: 3, global_batch: 4, micro_batch: 2, log_every: 1, cpus_per_worker: 1}
evaluation: {max_documents: 5, samples: 1, sample_tokens: 8, resamples: 100, cpus: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    write_demo_corpus(folder, seed=5, documents=120)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


class Events(SilentReporter):
    """Keeps the names of what is told, in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self, stage: str, unit: str, total: int = 0) -> None:
        self.seen.append(stage)

    def note(self, event: str, **facts: Value) -> None:
        self.seen.append(event)


def run(folder: Path, overrides: Sequence[str] = ()) -> tuple[Outcome, list[str]]:
    """The outcome, and what was told: empty where no stage had something to do."""
    events = Events()
    file, recipe = load_recipe(str(folder / "recipe.yaml"), overrides)
    context = context_of(file, recipe, events, lambda: events.start("ray", ""))
    outcome = run_pipeline(recipe, context)
    return outcome, events.seen


def test_the_whole_path_is_done_once_and_a_change_redoes_what_follows(folder: Path, ray_session: Session) -> None:
    first, told = run(folder)
    assert told[:3] == ["model_planned", "ray", "corpus"], "the cost is told before anything runs"
    assert told.count("model_planned") == 1
    assert ("engine" in told) == (find_build(first.model, "bf16") is not None) == runtime.available()
    assert first.revision.aliases == ("production",)
    kinds = [node.kind for node in first.revision.lineage]
    assert kinds[0] == "model"
    assert {"tokens", "tokenizer", "corpus", "input"} <= set(kinds)
    assert first.model.manifest.recipe["training"] is not None

    again, told = run(folder)
    assert not told
    assert again == Outcome(
        *[getattr(first, name) for name in ("corpus", "tokenizer", "tokens", "model", "evaluation")], again.revision
    )
    assert again.revision.content_hash == first.revision.content_hash

    changed, told = run(folder, ["training.learning_rate=3e-3", "serving.engine=torch"])
    assert "engine" not in told, "torch needs no build"
    assert "training" in told
    assert "corpus" not in told
    assert "model_planned" not in told
    assert changed.tokens == first.tokens
    assert changed.model.fingerprint != first.model.fingerprint
    assert changed.evaluation.fingerprint != first.evaluation.fingerprint
    assert changed.revision.number == first.revision.number + 1
    assert outcome_tables(changed) is not None


SECOND_RUN = """
import sys
from app.cli import main
status = main(["run", sys.argv[1]])
print("imported", sorted({"ray", "torch", "transformers", "mlflow"} & set(sys.modules)))
sys.exit(status)
"""


def test_a_second_run_does_nothing_says_so_and_imports_nothing_heavy(folder: Path, ray_session: Session) -> None:
    run(folder)
    before = {path: path.stat().st_size for path in (folder / "runs").rglob("*")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", SECOND_RUN, str(folder / "recipe.yaml")]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing to do: every stage of ")
    assert done.stdout.endswith("imported []\n"), "seconds of imports are no part of doing nothing"
    assert {path: path.stat().st_size for path in (folder / "runs").rglob("*")} == before


def test_what_no_machine_can_hold_is_refused_before_any_text_is_read(
    folder: Path, ray_session: Session, tmp_path: Path
) -> None:
    overrides = ["model.layers=400", "model.hidden_size=8192", "model.intermediate_size=32768", f"store={tmp_path / 'runs'}"]
    with pytest.raises(ResourceError, match=r"the largest machine has .*; take a smaller `model\.preset`"):
        run(folder, overrides)
    assert not list((tmp_path / "runs").rglob("manifest.json"))


def test_a_curve_is_drawn_in_the_width_it_is_given() -> None:
    assert sparkline([3.0, 2.0, 1.0], 10) == "█▅▁"
    assert len(sparkline([float(i) for i in range(1000)], 48)) == 48
    assert sparkline([1.0, 1.0], 10) == "▁▁"
