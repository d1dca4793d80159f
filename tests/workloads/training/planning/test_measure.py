"""The ladder from its runs to the law: what is trained is found, the rest is trained, and the law is kept and found again."""

from dataclasses import replace

import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import UserError
from cluster.session import Session
from cluster.stage import StageContext
from tests.workloads.training.conftest import make_tokens, run_in_threads
from workloads.training.checkpoint import Checkpoint
from workloads.training.export import write_model
from workloads.training.job import Job, TokenCounts
from workloads.training.planning.ladder import Ladder, Rung, ladder_for, rungs
from workloads.training.planning.measure import Evidence, measure_law
from workloads.training.spec import TrainingSpec
from workloads.training.stage import training_work

LADDER = Ladder((32, 64), (600, 1500))
BASE = TrainingSpec(micro_batch=2, cpus_per_worker=1)


def _train_here(rung: Rung, tokens: Artifact, tokenizer: Artifact, context: StageContext) -> None:
    """What the training stage leaves, made in this process."""
    work = training_work(rung.training, rung.model, tokens, tokenizer, context.seed)
    job = Job(rung.training, rung.model, context.store.uri, tokens.location.name, work, "ladder", context.seed)
    assert run_in_threads(job, 1) == ["finished"]
    last = job.checkpoints().newest(lambda text: pytest.fail(text))
    assert isinstance(last, Checkpoint)
    with context.store.draft(work) as draft:
        write_model(draft, job, TokenCounts.of(tokens), rung.cost, last, tokens, tokenizer)


def test_a_ladder_that_was_cut_off_goes_on_and_its_law_is_found_again(
    context: StageContext, store: ArtifactStore, tokenizer: Artifact, ray_session: Session
) -> None:
    tokens = make_tokens(store, rows=120)
    steps = list(rungs(LADDER, TokenCounts.of(tokens), BASE))
    for each in steps[1:]:
        _train_here(each, tokens, tokenizer, context)
    law = measure_law(LADDER, BASE, tokens, tokenizer, context)
    evidence = Evidence.of(law)
    assert [run.point.parameters for run in evidence.runs] == [each.cost.parameters for each in steps]
    assert [run.steps for run in evidence.runs] == [each.training.steps for each in steps]
    assert all(0 < run.point.loss < 6 and run.flops_per_second > 0 for run in evidence.runs)
    assert store.ref("test", "law").fingerprint == law.fingerprint
    assert not [artifact for name, artifact in store.refs() if name == "test" and artifact.kind == "model"], (
        "a rung is not the recipe's model"
    )
    again = measure_law(LADDER, BASE, tokens, tokenizer, replace(context, before_work=lambda: pytest.fail("done already")))
    assert again.fingerprint == law.fingerprint


def test_a_ladder_asked_for_is_checked(store: ArtifactStore, tokens: Artifact) -> None:
    counts = TokenCounts.of(tokens)
    with pytest.raises(UserError, match="width 40"):
        ladder_for(counts, widths=(64, 40))
    with pytest.raises(UserError, match="the text has"):
        ladder_for(counts, tokens=(10**9,))
    usual = ladder_for(counts)
    assert usual.tokens == tuple(counts.tokens_train >> shift for shift in (2, 1, 0))


def test_rungs_are_settled_by_size_and_length(tokens: Artifact) -> None:
    found = list(rungs(Ladder((32, 96), (200, 400)), TokenCounts.of(tokens), BASE))
    assert len(found) == 4
    for each in found:
        assert each.training.evaluate_every == each.training.steps
        assert each.training.minutes is None
    work = [(each.training.steps or 0) * each.training.global_batch * each.cost.parameters for each in found]
    assert work == sorted(work)


def test_a_text_with_nothing_held_out_is_refused(store: ArtifactStore, tokenizer: Artifact, context: StageContext) -> None:
    with pytest.raises(UserError, match="held-out"):
        measure_law(LADDER, BASE, make_tokens(store, rows=50, heldout=0), tokenizer, context)
