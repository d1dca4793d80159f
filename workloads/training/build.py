"""The work of the training stage, apart from stage.py so that a found model costs no import of torch and transformers."""

from collections.abc import Callable, Mapping

from cluster.artifacts import Artifact
from cluster.claim import claimed
from cluster.draft import Draft
from cluster.errors import TrainingError
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.stage import StageContext
from workloads.models.spec import ModelSpec
from workloads.training.changes import changes_since
from workloads.training.checkpoint import Checkpoint
from workloads.training.export import write_model
from workloads.training.fit import training_cost
from workloads.training.job import Job, TokenCounts
from workloads.training.overseer import Overseer
from workloads.training.report.write import write_report
from workloads.training.run_folder import FOLDER
from workloads.training.spec import TrainingSpec


def train(
    spec: TrainingSpec,
    model: ModelSpec,
    work: Work,
    tokens: Artifact,
    tokenizer: Artifact,
    context: StageContext,
    draft: Draft,
) -> Mapping[str, Value]:
    """Train from the newest checkpoint to the last step and fill the draft of the model; facts to show."""
    with claimed(
        context.store.root / FOLDER / work.fingerprint / "claim.json", f"this training ({work.fingerprint})", _note(context)
    ):
        return _train(spec, model, work, tokens, tokenizer, context, draft)


def _train(
    spec: TrainingSpec, model: ModelSpec, work: Work, tokens: Artifact, tokenizer: Artifact, context: StageContext, draft: Draft
) -> Mapping[str, Value]:
    job = Job(spec, model, context.store.uri, tokens.location.name, work, context.name, context.seed, dict(context.recipe))
    counts = TokenCounts.of(tokens)
    cost = training_cost(job.spec, job.model, counts.vocabulary, counts.sequence_length, job.spec.micro_batch)
    context.reporter.note("model", preset=job.model.preset, vocabulary=counts.vocabulary, **cost.facts())
    last = _newest(job, context)
    if last is None or not last.state.finished:
        _tell_changes(job, last, context)
        _tell_plan(job, counts, last, context)
        from workloads.training.elastic import train_on_workers  # Ray Train: not needed where the last step is done

        try:
            ending = train_on_workers(job, context)
        finally:
            last = _newest(job, context)
            if last is not None:
                write_report(job, last)
        if ending != "finished" or last is None or not last.state.finished:
            raise TrainingError("training ended before its last step", "its last checkpoint stands", "run again to go on")
    write_model(draft, job, counts, cost, last, tokens, tokenizer)
    return _facts(draft)


def _newest(job: Job, context: StageContext) -> Checkpoint | None:
    overseer = Overseer(job.run, job.folder(), context.reporter)
    return job.checkpoints().newest(lambda text: overseer.record("checkpoint_damaged", text))


def _note(context: StageContext) -> Callable[[str], None]:
    return lambda text: context.reporter.note("waiting_for_claim", reason=text)


def _tell_changes(job: Job, last: Checkpoint | None, context: StageContext) -> None:
    """A recipe that was changed is another work: nothing of the one before is overwritten, and nothing of it is used."""
    changed = changes_since(context.store, job.run, job.work) if last is None else []
    if changed:
        context.reporter.note(
            "recipe_changed", changes="; ".join(changed), effect="begins at step 0, the checkpoints before stand"
        )


def _tell_plan(job: Job, counts: TokenCounts, last: Checkpoint | None, context: StageContext) -> None:
    steps, spec = job.limit(counts), job.spec
    rows = spec.plan.start(steps)
    context.reporter.note(
        "training_plan",
        work=job.work.fingerprint,
        steps=steps,
        tokens=rows * (counts.sequence_length - 1),
        epochs=rows / counts.rows_train,
        workers=spec.workers,
        resumed_at_step=last.state.step if last else 0,
        **({"minutes": spec.minutes} if spec.minutes is not None else {}),
    )


def _facts(draft: Draft) -> dict[str, Value]:
    names = ("loss", "heldout_bits_per_character", "tokens_per_second")
    return {"steps": draft.counts["steps"], **{name: draft.metrics[name] for name in names if name in draft.metrics}}
