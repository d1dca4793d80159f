"""What a training refuses: one line each, and nothing of what stands is touched."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from cluster.artifacts import Artifact, ArtifactStore
from cluster.claim import claimed
from cluster.errors import InputError, ResourceError, UserError
from cluster.manifest import Work
from cluster.stage import StageContext
from tests.workloads.training.conftest import QUICK, TINY, make_job, make_tokenizer, make_tokens
from tests.workloads.training.test_checkpoint import _content
from workloads.models.size import describe
from workloads.models.spec import ModelSpec
from workloads.training.changes import changes_since
from workloads.training.fit import memory_of, require_fit
from workloads.training.job import Job
from workloads.training.spec import TrainingSpec
from workloads.training.stage import train_model, training_work


def test_tokens_of_another_tokenizer(context: StageContext) -> None:
    tokens, tokenizer = make_tokens(context.store), make_tokenizer(context.store)
    other = replace(tokens, manifest=replace(tokens.manifest, inputs={"tokenizer": "f" * 20}))
    with pytest.raises(InputError, match=r"made by tokenizer f{20}, not by tokenizer \w+; .*to make the tokens again") as error:
        train_model(QUICK, TINY, other, tokenizer, context)
    assert "\n" not in str(error.value)
    assert not list(context.store.artifacts("model"))


def test_a_model_that_does_not_fit_and_what_would() -> None:
    cost_of = partial(describe, ModelSpec(preset="124M"), 32_000, 512)
    with pytest.raises(
        ResourceError, match=r"needs \S+ GiB in each worker .*this cpu worker has 8 GiB; set `training\.micro_batch: \d+`"
    ):
        require_fit(cost_of, 512, 8 << 30, "this cpu worker")
    with pytest.raises(ResourceError, match=r"take a smaller `model\.preset`"):
        require_fit(cost_of, 8, 1 << 30, "this cpu worker")
    rows = 512
    while cost_of(rows).training_bytes > 8 << 30:
        rows -= 1
    require_fit(cost_of, rows, 8 << 30, "this cpu worker")
    assert 1 << 26 < memory_of(torch.device("cpu")) < 1 << 50


def test_workers_that_would_have_no_micro_batch() -> None:
    with pytest.raises(ValidationError, match="5 workers for 4 micro-batches per step: lower workers or micro_batch"):
        TrainingSpec(global_batch=32, micro_batch=8, workers=5)


def test_a_recipe_that_was_changed_between_runs_begins_anew_and_says_what_changed(
    job: Job, store: ArtifactStore, tokens: Artifact, tokenizer: Artifact
) -> None:
    assert changes_since(store, job.run, job.work) == []
    saved = job.checkpoints().save(_content(4))
    assert changes_since(store, job.run, job.work) == []
    changed = make_job(store, tokens, tokenizer, QUICK.model_copy(update={"learning_rate": 3e-4, "global_batch": 8}))
    assert changes_since(store, job.run, changed.work) == [
        "training.global_batch 6 -> 8",
        "training.learning_rate 0.01 -> 0.0003",
    ]
    assert changed.checkpoints().newest(pytest.fail) is None
    other = replace(job.work, inputs={**job.work.inputs, "tokens": "f" * 20})
    assert changes_since(store, job.run, other) == [f"tokens {tokens.fingerprint} -> {'f' * 20}"]
    later = Work("model", job.work.spec, job.work.inputs, job.work.stage_version + 1)
    assert changes_since(store, job.run, later) == [
        f"the version of the training stage {job.work.stage_version} -> {job.work.stage_version + 1}"
    ]
    saved.verify()


def test_two_runs_on_one_output(context: StageContext) -> None:
    tokens, tokenizer = make_tokens(context.store), make_tokenizer(context.store)
    work = training_work(QUICK, TINY, tokens, tokenizer, context.seed)
    claim = claimed(context.store.root / "training" / work.fingerprint / "claim.json", "it")
    refused = pytest.raises(UserError, match=r"is being worked on by process .*one run at a time; nothing was changed")
    with claim, refused:
        train_model(QUICK, TINY, tokens, tokenizer, context)
    assert not list(context.store.artifacts("model"))
    assert not list(context.store.artifacts("checkpoint"))
    assert not list(Path(context.store.root.path).rglob("*.safetensors"))
