"""The training stage: from tokens and tokenizer to a model artifact, going on from the newest checkpoint by itself."""

from collections.abc import Mapping
from dataclasses import asdict

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.errors import InputError, UserError
from cluster.manifest import Json, Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.models.spec import ModelSpec
from workloads.training.spec import TrainingSpec

STAGE_VERSION = 2


def train_model(spec: TrainingSpec, model: ModelSpec, tokens: Artifact, tokenizer: Artifact, context: StageContext) -> Artifact:
    """The trained model of these inputs: found, or trained from its newest checkpoint (step 0 without one).

    Needs a Ray session. Raises ResourceError for workers that the cluster cannot place, Interrupted after a stop (a
    checkpoint is left), TrainingError where it cannot be finished, ArtifactError for inputs that changed, InputError for
    tokens of another tokenizer, UserError where another process trains this very work.
    """
    _require_same_tokenizer(tokens, tokenizer)
    work = training_work(spec, model, tokens, tokenizer, context.seed)

    def build(draft: Draft) -> Mapping[str, Value]:
        from workloads.training.build import train  # torch and transformers: not needed where the model is found

        return train(spec, model, work, tokens, tokenizer, context, draft)

    return run_stage(context, "training", "tokens", work, build)


def _require_same_tokenizer(tokens: Artifact, tokenizer: Artifact) -> None:
    made_by = tokens.manifest.inputs.get("tokenizer", tokenizer.fingerprint)
    if made_by != tokenizer.fingerprint:
        raise InputError(
            f"{tokens} were made by tokenizer {made_by}, not by {tokenizer}",
            "tokens and tokenizer of one run",
            "run `python -m workloads.tokenizer RECIPE` to make the tokens again",
        )


def require_checkpoint(
    spec: TrainingSpec, model: ModelSpec, tokens: Artifact, tokenizer: Artifact, context: StageContext
) -> None:
    """Refuse to start afresh. Raises UserError where this very work has no whole checkpoint to go on from."""
    work = training_work(spec, model, tokens, tokenizer, context.seed)
    if context.store.find(work) is None and not list(context.store.artifacts("checkpoint", work.fingerprint)):
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
