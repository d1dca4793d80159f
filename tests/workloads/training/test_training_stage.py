"""The stage on Ray Train: a model comes out, a stop leaves a checkpoint, what cannot work is refused in a line."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError, Interrupted, ResourceError, UserError
from cluster.observe.progress import SilentReporter, Value
from cluster.session import Session, stop_on_sigterm
from cluster.stage import StageContext
from tests.workloads.training.conftest import LENGTH, QUICK, TINY, make_tokenizer, make_tokens, run_in_threads
from workloads.models.folder import WEIGHTS
from workloads.models.spec import ModelSpec, preset_shape
from workloads.training.job import Job
from workloads.training.order import LedgerLine, first_fault
from workloads.training.spec import TrainingSpec
from workloads.training.stage import require_checkpoint, train_model, training_work

TWO = QUICK.model_copy(update={"workers": 2, "cpus_per_worker": 1})
LONG = TWO.model_copy(update={"steps": 200, "evaluate_every": 100, "checkpoint_every": 10_000})
DEEP = TINY.model_copy(update={"layers": 6, "hidden_size": 64})  # long enough for a stop to arrive in the middle


class Listening(SilentReporter):
    """Keeps what it is told; sends this process a signal at the first progress of the training."""

    def __init__(self, interrupt: signal.Signals | None = None) -> None:
        self.notes: dict[str, dict[str, Value]] = {}
        self.advanced: list[tuple[int, int | None, dict[str, Value]]] = []
        self.outcomes: list[str] = []
        self._interrupt = interrupt

    def note(self, event: str, **facts: Value) -> None:
        self.notes[event] = facts

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        self.advanced.append((done, total, facts))
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            os.kill(os.getpid(), interrupt)

    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def listening(context: StageContext) -> tuple[StageContext, Listening]:
    reporter = Listening()
    return replace(context, reporter=reporter), reporter


def _train(context: StageContext, spec: TrainingSpec, model: ModelSpec = TINY) -> Artifact:
    tokens = next(context.store.artifacts("tokens"), None) or make_tokens(context.store)
    tokenizer = next(context.store.artifacts("tokenizer"), None) or make_tokenizer(context.store)
    return train_model(spec, model, tokens, tokenizer, context)


def test_two_workers_make_a_model_once(ray_session: Session, listening: tuple[StageContext, Listening]) -> None:
    context, reporter = listening
    artifact = _train(context, TWO)
    folder = artifact.local_folder()
    model = AutoModelForCausalLM.from_pretrained(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    assert tokenizer.decode(tokenizer("翰林").input_ids) == "翰林"
    assert model.generation_config.stop_strings == ["\n问："]
    assert model.config.max_position_embeddings == LENGTH
    assert artifact.manifest.counts["parameters"] == sum(p.numel() for p in model.parameters())
    assert artifact.manifest.metrics["heldout_loss"] < 4.0
    assert set(artifact.manifest.inputs) == {"tokens", "tokenizer"}
    lines = [LedgerLine.from_line(line) for line in (folder / "training" / "ledger.jsonl").read_text().splitlines()]
    assert first_fault(lines, stop=72) == ""
    assert {line.participants for line in lines} == {2}
    curve = json.loads((folder / "training" / "curve.json").read_text())
    assert [point[0] for point in curve["heldout"]] == [4, 8, 12]
    assert "| Steps | 12 of 6 rows |" in (folder / "README.md").read_text(encoding="utf-8")
    assert reporter.notes["model"]["parameters"] == f"{artifact.manifest.counts['parameters']:,}"
    assert reporter.advanced[-1][:2] == (artifact.manifest.counts["tokens"], artifact.manifest.counts["tokens"])
    assert not list(Path(context.store.root.path).glob(".staging/*"))
    again = _train(context, TWO.model_copy(update={"workers": 1, "checkpoint_every": 7}))
    assert again.uri == artifact.uri
    assert reporter.outcomes == ["done", "already done"]


def test_sigterm_leaves_a_checkpoint_from_which_the_run_goes_on_to_equal_weights(
    ray_session: Session, context: StageContext, tmp_path: Path
) -> None:
    stopped = replace(context, reporter=Listening(signal.SIGTERM))
    with pytest.raises(Interrupted, match="run the same command again"), stop_on_sigterm():
        _train(stopped, LONG, DEEP)
    (checkpoint,) = context.store.artifacts("checkpoint")
    assert 0 < checkpoint.manifest.counts["step"] < 100_000
    assert not list(context.store.artifacts("model"))
    going_on = Listening()
    resumed = _train(replace(context, reporter=going_on), LONG, DEEP)
    assert going_on.notes["training_plan"]["resumed_at_step"] == checkpoint.manifest.counts["step"]
    undisturbed = _train_in_threads(replace(context, store=ArtifactStore(str(tmp_path / "other"))), LONG, DEEP)
    assert resumed.read(WEIGHTS) == undisturbed.read(WEIGHTS)


def test_ctrl_c_leaves_a_checkpoint(ray_session: Session, context: StageContext) -> None:
    with pytest.raises(Interrupted, match="its newest checkpoint stands"):
        _train(replace(context, reporter=Listening(signal.SIGINT)), LONG.model_copy(update={"steps": 100_000}), DEEP)
    (checkpoint,) = context.store.artifacts("checkpoint")
    assert 0 < checkpoint.manifest.counts["step"] < 100_000


def _train_in_threads(context: StageContext, spec: TrainingSpec, model: ModelSpec) -> Artifact:
    """The same run on a group of threads, without Ray; the stage then finds its last checkpoint."""
    tokens, tokenizer = make_tokens(context.store), make_tokenizer(context.store)
    work = training_work(spec, model, tokens, tokenizer, context.seed)
    job = Job(spec, model, context.store.uri, tokens.location.name, work, context.name, context.seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers
    try:
        assert run_in_threads(job, spec.workers) == ["finished"] * spec.workers
    finally:
        torch.set_num_threads(threads)
    return train_model(spec, model, tokens, tokenizer, context)  # needs no session: the last step is done


def test_resume_asks_for_a_checkpoint_of_this_very_work(context: StageContext) -> None:
    tokens, tokenizer = make_tokens(context.store), make_tokenizer(context.store)
    with pytest.raises(UserError, match=r"no checkpoint of 'test' with these settings .*leave out --resume"):
        require_checkpoint(QUICK, TINY, tokens, tokenizer, context)
    model = _train_in_threads(context, QUICK, TINY)
    storage.delete_folder(model.location)
    require_checkpoint(QUICK, TINY, tokens, tokenizer, context)
    other = QUICK.model_copy(update={"learning_rate": 1e-5})
    with pytest.raises(UserError, match="leave out --resume"):
        require_checkpoint(other, TINY, tokens, tokenizer, context)


def test_a_model_with_a_changed_byte_is_refused(context: StageContext) -> None:
    artifact = _train_in_threads(context, QUICK, TINY)
    assert artifact.manifest.counts["steps"] == 12
    file = Path(artifact.location.path) / WEIGHTS
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model\.safetensors of model .* differs from its manifest"):
        artifact.local_folder()


def test_eight_gpus_on_a_laptop_are_refused_at_once(ray_session: Session, listening: tuple[StageContext, Listening]) -> None:
    context, reporter = listening
    spec = QUICK.model_copy(update={"workers": 8, "global_batch": 64, "gpus_per_worker": 1, "cpus_per_worker": 1})
    with pytest.raises(
        ResourceError, match=r"8 x \(CPU \d, GPU 1\), each on one machine; this cluster can hold none of them; lower"
    ) as error:
        _train(context, spec)
    assert "\n" not in str(error.value)
    assert "model" in reporter.notes  # what it would have cost was told before
    assert not list(context.store.artifacts("model"))


def test_rows_that_changed_are_refused_without_trying_again(ray_session: Session, context: StageContext) -> None:
    tokens = make_tokens(context.store)
    file = Path(tokens.location.path) / "train" / "shard-00000.arrow"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"shard-00000\.arrow of tokens .* differs from its manifest"):
        _train(context, QUICK)


def test_tokens_without_rows_are_one_line(context: StageContext) -> None:
    make_tokens(context.store, rows=0, padding=0)
    with pytest.raises(ArtifactError, match="no row to train on"):
        _train(context, QUICK)


def test_the_fingerprint_holds_what_decides_the_result_and_nothing_else(tokens: Artifact, tokenizer: Artifact) -> None:
    def fingerprint(spec: TrainingSpec = QUICK, model: ModelSpec = TINY, seed: int = 0) -> str:
        return training_work(spec, model, tokens, tokenizer, seed).fingerprint

    elsewhere = {"workers": 2, "cpus_per_worker": 1, "max_failures": 9, "checkpoint_every": 3, "keep_checkpoints": 5}
    assert fingerprint(QUICK.model_copy(update=elsewhere)) == fingerprint()
    for field, value in (("learning_rate", 3e-4), ("steps", 13), ("global_batch", 7), ("schedule", "cosine")):
        assert fingerprint(QUICK.model_copy(update={field: value})) != fingerprint()
    assert fingerprint(seed=1) != fingerprint()
    assert fingerprint(model=TINY.model_copy(update={"layers": 3})) != fingerprint()
    shape = {name: getattr(preset_shape("8M").shape, name) for name in preset_shape("8M").shape.__dataclass_fields__}
    assert fingerprint(model=ModelSpec(preset="2M", **shape)) == fingerprint(model=ModelSpec(preset="8M"))
