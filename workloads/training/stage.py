"""The training stage: from tokens and tokenizer to a model artifact, going on from the newest checkpoint by itself."""

from collections.abc import Mapping
from dataclasses import asdict

from cluster.artifacts import Artifact, Draft, Json, Work
from cluster.errors import TrainingError, UserError
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.models.size import describe
from workloads.models.spec import ModelSpec
from workloads.training.checkpoint import Checkpoint
from workloads.training.export import write_model
from workloads.training.job import Job, TokenCounts
from workloads.training.spec import TrainingSpec

STAGE_VERSION = 1


def train_model(spec: TrainingSpec, model: ModelSpec, tokens: Artifact, tokenizer: Artifact, context: StageContext) -> Artifact:
    """The trained model of these inputs: found, or trained from its newest checkpoint (step 0 without one).

    Needs a Ray session. Raises ResourceError for workers that the cluster cannot place, Interrupted after a stop (a
    checkpoint is left), TrainingError where it cannot be finished, ArtifactError for inputs that changed.
    """
    work = training_work(spec, model, tokens, tokenizer, context.seed)
    job = Job(spec, model, context.store.uri, tokens.location.name, work, context.name, context.seed, dict(context.recipe))

    def build(draft: Draft) -> Mapping[str, Value]:
        return _train(job, tokens, tokenizer, context, draft)

    return run_stage(context, "training", "tokens", work, build)


def require_checkpoint(
    spec: TrainingSpec, model: ModelSpec, tokens: Artifact, tokenizer: Artifact, context: StageContext
) -> None:
    """Refuse to start afresh. Raises UserError where this very work has no whole checkpoint to go on from."""
    work = training_work(spec, model, tokens, tokenizer, context.seed)
    job = Job(spec, model, context.store.uri, tokens.location.name, work, context.name, context.seed)
    if context.store.find(work) is None and _newest(job, context) is None:
        raise UserError(
            f"no checkpoint of {context.name!r} with these settings to go on from",
            "a run with the same model, data and training settings leaves them",
            "leave out --resume to start it",
        )


def training_work(spec: TrainingSpec, model: ModelSpec, tokens: Artifact, tokenizer: Artifact, seed: int) -> Work:
    """What identifies the run; a preset and the same numbers given freely are the same model."""
    shape: dict[str, Json] = {**asdict(model.shape), "max_context": model.max_context}
    values: dict[str, Json] = {"training": spec.identity(), "model": shape, "seed": seed}
    return Work("model", values, {"tokens": tokens.fingerprint, "tokenizer": tokenizer.fingerprint}, STAGE_VERSION)


def _train(job: Job, tokens: Artifact, tokenizer: Artifact, context: StageContext, draft: Draft) -> Mapping[str, Value]:
    from workloads.training.elastic import train_on_workers  # Ray Train: 2 s, and not needed where a model is found

    counts = TokenCounts.of(tokens)
    cost = describe(job.model, counts.vocabulary, counts.sequence_length, job.spec.micro_batch)
    context.reporter.note("model", preset=job.model.preset, vocabulary=counts.vocabulary, **cost.facts())
    last = _newest(job, context)
    if last is None or not last.state.finished:
        _tell_plan(job, counts, last, context)
        ending = train_on_workers(job, context)
        last = _newest(job, context)
        if ending != "finished" or last is None or not last.state.finished:
            raise TrainingError("training ended before its last step", "its last checkpoint stands", "run again to go on")
    write_model(draft, job, counts, cost, last, tokens, tokenizer)
    return _facts(draft)


def _newest(job: Job, context: StageContext) -> Checkpoint | None:
    return job.checkpoints().newest(lambda text: context.reporter.note("checkpoint_damaged", reason=text))


def _tell_plan(job: Job, counts: TokenCounts, last: Checkpoint | None, context: StageContext) -> None:
    steps, spec = job.limit(counts), job.spec
    per_step = spec.global_batch * (counts.sequence_length - 1)
    context.reporter.note(
        "training_plan",
        steps=steps,
        tokens=steps * per_step,
        epochs=steps * spec.global_batch / counts.rows_train,
        workers=spec.workers,
        resumed_at_step=last.state.step if last else 0,
        **({"minutes": spec.minutes} if spec.minutes is not None else {}),
    )


def _facts(draft: Draft) -> dict[str, Value]:
    names = ("loss", "heldout_bits_per_character", "tokens_per_second")
    return {"steps": draft.counts["steps"], **{name: draft.metrics[name] for name in names if name in draft.metrics}}
