"""What each rule would drop of a sample, before a full run. Numbers and samples only; the command draws them.

Recurring lines are learned from the sample as a run learns them from everything. Duplicates are not looked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workloads.corpus.recurring import count_lines, line_key, lines_of_block, recurring_of
from workloads.corpus.sample import Drawn
from workloads.corpus.spec import CorpusSpec
from workloads.text.boilerplate import can_recur, strip_boilerplate
from workloads.text.rules import RULES, Measured, Rule

PERCENTILES = (1, 5, 50, 95, 99)


@dataclass(frozen=True)
class WhatIf:
    """Another threshold, and how many documents of the sample it would drop."""

    threshold: float
    dropped: int


@dataclass(frozen=True)
class RulePreview:
    """One rule over the sample: `dropped` by it alone, `first` those of which it is the reason; value percentiles."""

    name: str
    at_least: bool
    meaning: str
    threshold: float | None
    dropped: int
    first: int
    percentiles: tuple[float, ...]
    looser: WhatIf | None
    stricter: WhatIf | None


@dataclass(frozen=True)
class SourcePreview:
    """One rule over the sample's documents of one source."""

    source: str
    documents: int
    dropped: int
    percentiles: tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """One document of the sample: its cleaned text, the value of every rule, and the reason for which it would go."""

    drawn: Drawn
    text: str
    lines_removed: int
    values: Mapping[str, float]
    reason: str


@dataclass(frozen=True)
class Preview:
    """The measured sample."""

    spec: CorpusSpec
    measured: tuple[Measurement, ...]

    @property
    def kept(self) -> int:
        return sum(not each.reason for each in self.measured)

    def threshold(self, rule: type[Rule], source: str = "") -> float | None:
        return self.spec.rules.thresholds().get(rule.name)

    def rules(self) -> list[RulePreview]:
        """Every rule in the order in which they are asked."""
        return [self._rule(rule) for rule in RULES]

    def _rule(self, rule: type[Rule]) -> RulePreview:
        values = np.array([each.values[rule.name] for each in self.measured])
        threshold = self.threshold(rule)
        looser, stricter = (None, None) if threshold is None else (_what_if(rule, values, t) for t in others(rule, threshold))
        return RulePreview(
            rule.name,
            rule.at_least,
            "" if threshold is None else rule.meaning.format(threshold),
            threshold,
            0 if threshold is None else _what_if(rule, values, threshold).dropped,
            sum(each.reason == rule.name for each in self.measured),
            _percentiles(values),
            looser,
            stricter,
        )

    def sources(self, rule: type[Rule]) -> list[SourcePreview]:
        """The rule by source, most dropped first."""
        by_source: dict[str, list[float]] = {}
        for each in self.measured:
            by_source.setdefault(each.drawn.source, []).append(each.values[rule.name])
        threshold = self.threshold(rule)
        lines = [
            SourcePreview(
                source,
                len(values),
                0 if threshold is None else _what_if(rule, np.array(values), threshold).dropped,
                _percentiles(np.array(values)),
            )
            for source, values in by_source.items()
        ]
        return sorted(lines, key=lambda line: (-line.dropped / line.documents, line.source))

    def dropped_by(self, rule: type[Rule], most: int) -> list[Measurement]:
        """Documents that the rule would drop, whatever the others say; by id, so a fair choice."""
        threshold = self.threshold(rule)
        if threshold is None:
            return []
        return [each for each in self.measured if not rule(threshold).keeps(each.values[rule.name])][:most]

    def just_kept(self, rule: type[Rule], most: int) -> list[Measurement]:
        """Documents that the rule keeps, nearest to the threshold first."""
        threshold = self.threshold(rule)
        kept = [each for each in self.measured if threshold is None or rule(threshold).keeps(each.values[rule.name])]
        return sorted(kept, key=lambda each: each.values[rule.name] * (1 if rule.at_least else -1))[:most]


def others(rule: type[Rule], threshold: float) -> tuple[float, float]:
    """A looser and a stricter threshold to compare with: half and double, or half-way to keeping everything and half."""
    if rule.at_least:
        return threshold / 2, threshold * 2
    return (1 + threshold) / 2, threshold / 2


def _what_if(rule: type[Rule], values: "np.ndarray[tuple[int], np.dtype[np.float64]]", threshold: float) -> WhatIf:
    beyond = values < threshold if rule.at_least else values > threshold
    return WhatIf(threshold, int(beyond.sum()))


def _percentiles(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, ...]:
    return tuple(float(each) for each in np.percentile(values, PERCENTILES)) if len(values) else (0.0,) * len(PERCENTILES)


def preview(sample: Sequence[Drawn], spec: CorpusSpec) -> Preview:
    """Clean and measure every document of the sample as a run would."""
    recurring = _recurring(sample, spec) if spec.remove_boilerplate else frozenset()
    return Preview(spec, tuple(_measure(drawn, spec, recurring) for drawn in sample))


def _recurring(sample: Sequence[Drawn], spec: CorpusSpec) -> frozenset[int]:
    columns = {
        "source": [each.source for each in sample],
        "text": [each.text for each in sample],
        "problem": [""] * len(sample),
    }
    lines = lines_of_block(pa.table(columns), 1)
    return recurring_of([count_lines(spec.recurring_documents, lines[0])], spec.recurring_share)


def _measure(drawn: Drawn, spec: CorpusSpec, recurring: frozenset[int]) -> Measurement:
    text, removed = drawn.text, 0
    if spec.remove_boilerplate:
        text, removed = strip_boilerplate(text, lambda line: can_recur(line) and line_key(drawn.source, line) in recurring)
    measured, thresholds = Measured(text), spec.rules.thresholds()
    values = {rule.name: rule.measure(measured) for rule in RULES}
    broken = (
        rule.name for rule in RULES if rule.name in thresholds and not rule(thresholds[rule.name]).keeps(values[rule.name])
    )
    return Measurement(drawn, text, removed, values, next(broken, ""))
