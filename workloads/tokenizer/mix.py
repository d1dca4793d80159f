"""How often each document is packed: weights by source, temperature, a token budget. Pure; not for packing (pack.py), nor for
counting what a corpus holds (sources.py).

Mixing is counted in tokens, so it stands where tokens are made: one corpus serves many mixtures.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator

from cluster.config import Spec
from cluster.errors import RecipeError

_WHOLE = 1 << 64


class MixSpec(Spec):
    """The mixture of sources in the training rows; by default every document once. Held-out rows are never mixed."""

    weights: dict[str, float] = Field(
        default={}, description="share of each source in the training tokens; sources not named keep their own size"
    )
    temperature: float = Field(
        default=1.0, ge=1, description="above 1: sources by size^(1/temperature), so that small ones are seen more"
    )
    max_repeats: float = Field(
        default=4.0, ge=1, description="most times that a document is packed; up to 4 repeats teach almost like fresh text"
    )
    tokens: int = Field(
        default=0, ge=0, description="budget of training tokens; 0: what the mixture gives without leaving text out"
    )
    seed: int = Field(default=0, ge=0, description="which documents of a source are packed once more, or left out")

    @field_validator("weights")
    @classmethod
    def _no_negative_weight(cls, value: dict[str, float]) -> dict[str, float]:
        if any(weight < 0 for weight in value.values()):
            raise ValueError("a weight is 0 (leave the source out) or more")
        return value

    @property
    def is_plain(self) -> bool:
        return not self.weights and self.temperature == 1 and not self.tokens


@dataclass(frozen=True)
class Share:
    """One source of a mixture: tokens there are (estimated) and how often each is packed on average."""

    source: str
    tokens: int
    factor: float

    @property
    def packed(self) -> float:
        return self.tokens * self.factor


def plan_mixture(tokens: Mapping[str, int], spec: MixSpec) -> tuple[Share, ...]:
    """The factor of each source. `tokens`: how many each has.

    Without a budget the mixture is as large as possible with no source that has weight packed less than once, unless
    `max_repeats` forbids; with one it is the budget, or less where `max_repeats` forbids. Raises RecipeError for a weight
    of a source that is not there.
    """
    unknown = sorted(set(spec.weights) - set(tokens))
    if unknown:
        raise RecipeError(
            f"tokens.mix.weights names {', '.join(unknown)}",
            f"sources of the corpus: {', '.join(sorted(tokens))}",
            "correct the name",
        )
    present = {source: count for source, count in tokens.items() if count}
    shares = _shares(present, spec)
    wanted = {source: share for source, share in shares.items() if share > 0}
    if not wanted:
        raise RecipeError("tokens.mix leaves no source", "at least one weight above 0", "raise a weight")
    total = spec.tokens or max(present[source] / share for source, share in wanted.items())
    factors = {source: min(spec.max_repeats, shares[source] * total / count) for source, count in present.items()}
    return tuple(Share(source, count, factors.get(source, 0.0)) for source, count in sorted(tokens.items()))


def _shares(tokens: Mapping[str, int], spec: MixSpec) -> dict[str, float]:
    """Wanted share of each source, together 1: the weights as given, the rest by (tempered) size."""
    sizes = {source: count ** (1 / spec.temperature) for source, count in tokens.items()}
    total = sum(sizes.values())
    natural = {source: size / total for source, size in sizes.items()}
    if not spec.weights:
        return natural
    named = sum(weight for source, weight in spec.weights.items() if source in tokens)
    rest = sum(share for source, share in natural.items() if source not in spec.weights)
    if not rest:
        return {source: spec.weights[source] / named if named else 0.0 for source in tokens}
    left = max(0.0, 1.0 - named)
    scale = 1.0 / max(1.0, named)
    return {
        source: spec.weights[source] * scale if source in spec.weights else natural[source] / rest * left for source in tokens
    }


def copies(identity: str, factor: float, seed: int) -> int:
    """How often this document is packed: the factor rounded up or down by a number that its id draws, so that the average
    over documents is the factor. The same for the same id and seed."""
    whole = int(factor)
    drawn = int.from_bytes(hashlib.blake2b(f"{seed}\0{identity}".encode(), digest_size=8).digest(), "little")
    return whole + (drawn < (factor - whole) * _WHOLE)


@dataclass(frozen=True)
class Mixture:
    """The factor of each source; plain where there is none."""

    factors: Mapping[str, float]
    seed: int = 0

    @property
    def rounds(self) -> int:
        """Passes over the corpus until the most repeated document has been packed often enough."""
        return max([1, *(math.ceil(factor) for factor in self.factors.values())])

    def packs(self, table: pa.Table, repeat: int) -> "pa.Array[Any]":
        """Which rows (columns id, source) are packed more than `repeat` times."""
        if not self.factors:
            return pa.array([repeat == 0] * table.num_rows, pa.bool_())
        pairs = zip(table["id"].to_pylist(), table["source"].to_pylist(), strict=True)
        return pa.array(
            [copies(str(identity), self.factors[str(source)], self.seed) > repeat for identity, source in pairs], pa.bool_()
        )


PLAIN = Mixture({})
