"""The recipe's `corpus.quality` and `corpus.perplexity`: filters by models that the user has taught."""

from collections.abc import Mapping

from pydantic import Field

from cluster.config import Spec
from cluster.manifest import Json
from workloads.text.rules.learned import HighPerplexity, LowPerplexity, Quality

DOCUMENTS = 5_000  # of a pile: more change the held-out figures little, and take memory
REFERENCE_CHARACTERS = 5_000_000  # about a gigabyte of memory while counting
THRESHOLDS = {
    Quality.name: ("quality", "min_score"),
    HighPerplexity.name: ("perplexity", "max_bits"),
    LowPerplexity.name: ("perplexity", "min_bits"),
}
"""By rule, where its threshold stands in the `corpus` section."""


class QualitySpec(Spec):
    """The score of a document that is not dropped is its `score`: `duplicates.keep: best_quality` goes by it, and it stands
    with the document, in place of the record's own."""

    model: str = Field(min_length=1, description="folder that `hanlin corpus train-quality` has written")
    min_score: float | None = Field(
        default=0.05, ge=0, le=1, description="least probability of being like the good pile; null: score only"
    )


class PerplexitySpec(Spec):
    """Bits per character of the document's beginning, after the reference text."""

    model: str = Field(min_length=1, description="folder that `hanlin corpus train-perplexity` has written")
    max_bits: float | None = Field(default=None, gt=0, description="most bits per character")
    min_bits: float | None = Field(default=None, ge=0, description="least bits per character")


def threshold_of(rule: str, section: Mapping[str, Json]) -> float | None:
    """The threshold of a learned rule in a `corpus` section; None where it is off."""
    part, key = THRESHOLDS[rule]
    values = section.get(part)
    value = values.get(key) if isinstance(values, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def without_paths(section: Mapping[str, Json]) -> dict[str, Json]:
    """The section as if a model had no place: what it holds is told by its hash."""
    parts = {part for part, _ in THRESHOLDS.values()}
    return {
        key: {name: each for name, each in value.items() if name != "model"}
        if key in parts and isinstance(value, dict)
        else value
        for key, value in section.items()
    }
