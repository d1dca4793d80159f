"""`plan fit`: train the ladder through the training stage, rung by rung, and keep what it says as an artifact of the kind `law`.

Every rung is a model artifact of its own, so that a ladder which was cut off goes on where it was; so does a longer one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.errors import UserError
from cluster.manifest import Json, Work
from cluster.observe.progress import Value
from cluster.stage import StageContext, run_stage
from workloads.training.job import TokenCounts
from workloads.training.planning.ladder import Ladder, Rung, rungs
from workloads.training.planning.law import FittedLaw, Law
from workloads.training.planning.regress import Point, fit_law
from workloads.training.spec import TrainingSpec
from workloads.training.stage import STAGE_VERSION as TRAINING_VERSION
from workloads.training.stage import train_model

STAGE_VERSION = 1
LAW_FILE = "law.json"


@dataclass(frozen=True)
class Measured:
    """A rung's outcome. Speed in FLOP/s of all its workers."""

    point: Point
    flops_per_second: float
    learning_rate: float
    batch: int
    steps: int
    model: str


@dataclass(frozen=True)
class Evidence:
    """What a law artifact holds: the law, the runs it comes from, and the text they were trained on."""

    law: FittedLaw
    runs: tuple[Measured, ...]
    vocabulary: int
    sequence_length: int
    tokens_per_character: float

    @property
    def flops_per_second(self) -> float:
        """Of the run that computed most: small ones are slowed by what is not computing."""
        return max(self.runs, key=lambda run: run.point.parameters * run.point.tokens).flops_per_second

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @staticmethod
    def of(artifact: Artifact) -> "Evidence":
        raw = json.loads(artifact.read(LAW_FILE))
        law = FittedLaw(Law(**raw["law"]["best"]), tuple(Law(**each) for each in raw["law"]["samples"]), raw["law"]["noise"])
        found = tuple(Measured(**{**each, "point": Point(**each["point"])}) for each in raw["runs"])
        return Evidence(law, found, raw["vocabulary"], raw["sequence_length"], raw["tokens_per_character"])


def measure_law(ladder: Ladder, base: TrainingSpec, tokens: Artifact, tokenizer: Artifact, context: StageContext) -> Artifact:
    """The law of this text: found, or made. Needs a Ray session where it has to be made. Raises what training raises, and UserError
    for tokens without a held-out part."""
    counts = TokenCounts.of(tokens)
    if not counts.rows_heldout:
        raise UserError(f"{tokens} hold no held-out rows", "a loss to compare", "set `corpus.heldout_share` above 0")
    steps = list(rungs(ladder, counts, base))
    inputs = {"tokens": tokens.fingerprint, "tokenizer": tokenizer.fingerprint}
    work = Work("law", _identity(ladder, steps, context.seed), inputs, STAGE_VERSION)

    def build(draft: Draft) -> Mapping[str, Value]:
        aside = replace(context, name=f"{context.name[:56]}.ladder")  # its models are not the recipe's newest
        runs = tuple(train_rung(each, tokens, tokenizer, aside) for each in steps)
        fitted = fit_law([run.point for run in runs], seed=context.seed)
        per_character = counts.tokens_train / counts.characters_train
        evidence = Evidence(fitted, runs, counts.vocabulary, counts.sequence_length, per_character)
        draft.write(LAW_FILE, evidence.to_json().encode())
        draft.counts |= {"runs": len(runs), "tokens": sum(run.point.tokens for run in runs)}
        draft.metrics |= {**asdict(fitted.best), "noise": fitted.noise}
        return {key: float(f"{value:.4g}") for key, value in draft.metrics.items()}

    return run_stage(context, "law", "runs", work, build)


def _identity(ladder: Ladder, steps: list[Rung], seed: int) -> dict[str, Json]:
    settings: list[Json] = [each.training.identity() for each in steps]
    return {"ladder": ladder.to_json(), "runs": settings, "seed": seed, "training_version": TRAINING_VERSION}


def train_rung(rung: Rung, tokens: Artifact, tokenizer: Artifact, context: StageContext) -> Measured:
    """Train one, or find it trained."""
    model = train_model(rung.training, rung.model, tokens, tokenizer, context)
    counts, metrics = model.manifest.counts, model.manifest.metrics
    return Measured(
        point=Point(counts["parameters"], counts["tokens"], metrics["heldout_loss"]),
        flops_per_second=metrics["tokens_per_second"] * rung.cost.training_flops_per_token,
        learning_rate=rung.training.learning_rate,
        batch=rung.training.global_batch,
        steps=counts["steps"],
        model=model.fingerprint,
    )
