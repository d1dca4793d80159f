"""What an evaluation found, as plain frozen values: what the report shows and report.json holds."""

from dataclasses import asdict, dataclass

from workloads.evaluation.bits import Estimate
from workloads.evaluation.samples import Sample


@dataclass(frozen=True)
class Amounts:
    """How much held-out text was scored. `bytes` are UTF-8; `tokens` are the model's."""

    documents: int
    characters: int
    bytes: int
    tokens: int


@dataclass(frozen=True)
class Scorer:
    """A model, or a baseline, on the held-out text. `saved` is how many bits per character fewer than this one the
    evaluated model needs, on the same resamples (None for the evaluated model itself)."""

    name: str
    bits_per_character: Estimate
    bits_per_byte: Estimate
    saved: Estimate | None = None


@dataclass(frozen=True)
class SourceScore:
    """One source of the corpus: its share of the held-out text and bits per character by scorer name."""

    source: str
    documents: int
    characters: int
    bits_per_character: dict[str, Estimate]


@dataclass(frozen=True)
class Point:
    """One point of the training curve: loss in nats per token (None where that step did not measure it)."""

    step: int
    loss: float | None
    heldout_loss: float | None


@dataclass(frozen=True)
class Result:
    """A whole evaluation. The first scorer is the evaluated model. `context` and `stride` are in tokens."""

    model: str
    corpus: str
    amounts: Amounts
    scorers: tuple[Scorer, ...]
    sources: tuple[SourceScore, ...]
    samples: tuple[Sample, ...]
    curve: tuple[Point, ...]
    context: int
    stride: int
    baseline_characters: int
    seconds: dict[str, float]

    @property
    def own(self) -> Scorer:
        return self.scorers[0]

    def counts(self) -> dict[str, int]:
        """For the artifact's manifest."""
        return asdict(self.amounts)

    def metrics(self) -> dict[str, float]:
        """For the artifact's manifest and the registry, by name."""
        bits = self.own.bits_per_character
        found = {
            "bits_per_character": bits.value,
            "bits_per_character_low": bits.low,
            "bits_per_character_high": bits.high,
            "bits_per_byte": self.own.bits_per_byte.value,
            "characters_per_token": self.amounts.characters / max(1, self.amounts.tokens),
        }
        for scorer in self.scorers[1:]:
            found[f"{scorer.name.replace('-', '')}_bits_per_character"] = scorer.bits_per_character.value
        if self.samples:
            found["sample_repetition"] = sum(sample.repetition for sample in self.samples) / len(self.samples)
        return {name: value for name, value in found.items() if value is not None}
