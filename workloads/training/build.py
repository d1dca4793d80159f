"""The work of the training stage, apart from stage.py so that a found model costs no import of torch and transformers."""

from collections.abc import Mapping

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.errors import TrainingError
from cluster.manifest import Work
from cluster.observe.progress import Value
from cluster.stage import StageContext
from workloads.models.size import describe
from workloads.models.spec import ModelSpec
from workloads.training.checkpoint import Checkpoint
from workloads.training.export import write_model
from workloads.training.job import Job, TokenCounts
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
    job = Job(spec, model, context.store.uri, tokens.location.name, work, context.name, context.seed, dict(context.recipe))
    counts = TokenCounts.of(tokens)
    cost = describe(job.model, counts.vocabulary, counts.sequence_length, job.spec.micro_batch)
    context.reporter.note("model", preset=job.model.preset, vocabulary=counts.vocabulary, **cost.facts())
    last = _newest(job, context)
    if last is None or not last.state.finished:
        _tell_plan(job, counts, last, context)
        from workloads.training.elastic import train_on_workers  # Ray Train: not needed where the last step is done

        ending = train_on_workers(job, context, last.state.seconds if last else 0.0)
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
