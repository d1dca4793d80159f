"""The stage on Ray Train: a model comes out, a stop leaves a checkpoint, what cannot work is refused in a line."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError, Interrupted, ResourceError
from cluster.observe.progress import SilentReporter, Value
from cluster.session import Session, stop_on_sigterm
from cluster.stage import StageContext
from tests.workloads.training.conftest import LENGTH, QUICK, TINY, make_tokenizer, make_tokens
from workloads.models.folder import WEIGHTS
from workloads.models.spec import ModelSpec, preset_shape
from workloads.training.order import LedgerLine, first_fault
from workloads.training.spec import TrainingSpec
from workloads.training.stage import train_model, training_work

TWO = QUICK.model_copy(update={"workers": 2, "cpus_per_worker": 1})


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
def listening(context: StageContext) -> Iterator[tuple[StageContext, Listening]]:
    reporter = Listening()
    yield replace(context, reporter=reporter), reporter


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


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_to_equal_weights(
    ray_session: Session, context: StageContext, tmp_path: Path, sent: signal.Signals
) -> None:
    spec = TWO.model_copy(update={"steps": 1500, "evaluate_every": 500, "checkpoint_every": 10_000})
    stopped = replace(context, reporter=Listening(sent))
    with pytest.raises(Interrupted, match="run the same command again"), stop_on_sigterm():
        _train(stopped, spec)
    (checkpoint,) = context.store.artifacts("checkpoint")
    assert 0 < checkpoint.manifest.counts["step"] < 1500
    assert not list(context.store.artifacts("model"))
    going_on = Listening()
    resumed = _train(replace(context, reporter=going_on), spec)
    assert going_on.notes["training_plan"]["resumed_at_step"] == checkpoint.manifest.counts["step"]
    if sent == signal.SIGINT:  # the same for both, and a long run
        undisturbed = _train(replace(context, store=ArtifactStore(str(tmp_path / "other"))), spec)
        assert resumed.read(WEIGHTS) == undisturbed.read(WEIGHTS)


def test_a_finished_checkpoint_becomes_a_model_without_workers(context: StageContext) -> None:
    from tests.workloads.training.conftest import make_job, run_in_threads

    tokens, tokenizer = make_tokens(context.store), make_tokenizer(context.store)
    run_in_threads(make_job(context.store, tokens, tokenizer), 1)  # a driver that died between the last step and the model
    artifact = train_model(QUICK, TINY, tokens, tokenizer, context)  # no Ray session here
    assert artifact.manifest.counts["steps"] == 12


def test_eight_gpus_on_a_laptop_are_refused_at_once(ray_session: Session, listening: tuple[StageContext, Listening]) -> None:
    context, reporter = listening
    spec = QUICK.model_copy(update={"workers": 8, "global_batch": 64, "gpus_per_worker": 1, "cpus_per_worker": 1})
    with pytest.raises(ResourceError, match=r"8 workers asks for 8 GPUs; this session has 0; lower") as error:
        _train(context, spec)
    assert "\n" not in str(error.value)
    assert "model" in reporter.notes  # what it would have cost was told before
    assert not list(context.store.artifacts("model"))


def test_bf16_without_the_hardware_is_refused(ray_session: Session, context: StageContext) -> None:
    from workloads.training.precision import has_native_bf16

    if has_native_bf16(torch.device("cpu")):
        pytest.skip("this processor has bf16 arithmetic")
    with pytest.raises(ResourceError, match=r"training\.precision: auto"):
        _train(context, QUICK.model_copy(update={"precision": "bf16"}))


def test_rows_that_changed_are_refused_without_trying_again(ray_session: Session, context: StageContext) -> None:
    tokens = make_tokens(context.store)
    file = Path(tokens.location.path) / "train" / "shard-00000.arrow"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match="shard-00000.arrow of tokens .* differs from its manifest"):
        _train(context, QUICK)


def test_a_model_with_a_changed_byte_is_refused(ray_session: Session, context: StageContext) -> None:
    artifact = _train(context, QUICK)
    file = Path(artifact.location.path) / WEIGHTS
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model\.safetensors of model .* differs from its manifest"):
        artifact.local_folder()


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
