"""The ladder: small models and numbers of tokens of which each pair is trained, and how. Pure; measure.py trains them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cluster.errors import UserError
from cluster.manifest import Json
from workloads.models.size import ModelCost, describe
from workloads.models.spec import ModelSpec
from workloads.training.growth import GrowthSpec
from workloads.training.job import TokenCounts
from workloads.training.planning.rules import batch_rows, learning_rate, warmup_steps
from workloads.training.planning.shapes import of_width
from workloads.training.spec import TrainingSpec

WIDTHS = (64, 96, 128, 192)
_AMOUNTS = 3
_TOKENS_PER_PARAMETER = 20  # as many as Hoffmann et al. found best; the most that the ladder's largest model gets
_CHECKPOINTS = 4
_HELDOUT_ROWS = 256


@dataclass(frozen=True)
class Ladder:
    """Every width with every number of tokens."""

    widths: tuple[int, ...]
    tokens: tuple[int, ...]

    def to_json(self) -> dict[str, Json]:
        return {"widths": list(self.widths), "tokens": list(self.tokens)}


@dataclass(frozen=True)
class Rung:
    """One small training."""

    model: ModelSpec
    training: TrainingSpec
    cost: ModelCost


def ladder_for(counts: TokenCounts, widths: tuple[int, ...] = (), tokens: tuple[int, ...] = ()) -> Ladder:
    """The ladder asked for; where it says nothing, four widths and three numbers of tokens, each twice the one before, up to one pass
    over the text. Raises UserError for widths that no head divides and for more tokens than there are."""
    widths = tuple(sorted(set(widths or WIDTHS)))
    if wrong := [width for width in widths if width < 32 or width % (64 if width >= 256 else 32)]:
        raise UserError(f"a model of width {wrong[0]}", "multiples of 32, and of 64 from 256 on", "choose such a --widths")
    if not tokens:
        largest = describe(of_width(widths[-1]), counts.vocabulary, counts.sequence_length).parameters
        most = min(counts.tokens_train, _TOKENS_PER_PARAMETER * largest)
        tokens = tuple(most >> shift for shift in range(_AMOUNTS))
    if max(tokens) > counts.tokens_train:
        raise UserError(
            f"a ladder of {max(tokens):,} tokens", f"the text has {counts.tokens_train:,}", "give smaller --ladder-tokens"
        )
    return Ladder(widths, tuple(sorted(set(tokens))))


def rungs(ladder: Ladder, counts: TokenCounts, base: TrainingSpec) -> Iterator[Rung]:
    """The cheapest first."""
    pairs = [(width, tokens) for width in ladder.widths for tokens in ladder.tokens]
    found = [rung(of_width(width), tokens, counts, base) for width, tokens in pairs]
    return iter(sorted(found, key=lambda each: (each.training.steps or 0) * each.training.global_batch * each.cost.parameters))


def rung(model: ModelSpec, tokens: int, counts: TokenCounts, base: TrainingSpec) -> Rung:
    """A training of this size and length with the settings that the rules give; the rest as the recipe has it."""
    cost = describe(model, counts.vocabulary, counts.sequence_length)
    batch = batch_rows(tokens, counts.sequence_length)
    steps = max(1, round(tokens / (batch * (counts.sequence_length - 1))))
    micro = min(batch, base.micro_batch)
    changed: Mapping[str, Json] = {
        "steps": steps,
        "minutes": None,
        "stop_when_flat": None,
        "global_batch": batch,
        "micro_batch": micro,
        "base_width": None,
        "growth": GrowthSpec().to_json(),
        "learning_rate": learning_rate(cost.body_parameters, tokens),
        "warmup_steps": warmup_steps(steps),
        "evaluate_every": steps,
        "evaluate_rows": min(counts.rows_heldout, _HELDOUT_ROWS),
        "log_every": max(1, steps // 20),
        "checkpoint_every": max(1, -(-steps // _CHECKPOINTS)),
        "workers": min(base.workers, -(-batch // micro)),
        "min_workers": None,
        "tracking_uri": "",
    }
    return Rung(model, TrainingSpec.model_validate({**base.to_json(), **changed}), cost)
