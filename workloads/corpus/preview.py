"""What each rule would drop of a sample, before a full run. Numbers and samples only; the command draws them.

Recurring lines are learned from the sample as a run learns them from everything. Duplicates are not looked for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from workloads.corpus.calibrate import by_source, thresholds_from
from workloads.corpus.clean import SourceRules, without_boilerplate
from workloads.corpus.recurring import count_lines, lines_of_block, recurring_of
from workloads.corpus.sample import Drawn
from workloads.corpus.spec import CorpusSpec
from workloads.text.codes import Codes
from workloads.text.learned import NOTHING_LEARNED, Models
from workloads.text.rules import RULES, Rule, measure_all
from workloads.text.rules.learned import LEARNED, Quality

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
    own: Mapping[str, Mapping[str, float]]  # thresholds by source and rule, where the recipe calibrates

    @property
    def kept(self) -> int:
        return sum(not each.reason for each in self.measured)

    def drops(self, rule: type[Rule], each: Measurement) -> bool:
        """Whether the rule alone drops this document, with the threshold for its source."""
        threshold = self.own.get(each.drawn.source, {}).get(rule.name, self.spec.thresholds().get(rule.name))
        return threshold is not None and not rule(threshold).keeps(each.values[rule.name])

    def rules(self) -> list[RulePreview]:
        """Every rule in the order in which they are asked; not those without a model."""
        return [self._rule(rule) for rule in RULES if not any(math.isnan(each.values[rule.name]) for each in self.measured)]

    def _rule(self, rule: type[Rule]) -> RulePreview:
        values = np.array([each.values[rule.name] for each in self.measured])
        threshold = self.spec.thresholds().get(rule.name)
        looser, stricter = (None, None) if threshold is None else (_what_if(rule, values, t) for t in others(rule, threshold))
        return RulePreview(
            rule.name,
            rule.at_least,
            "" if threshold is None else rule.meaning.format(threshold),
            threshold,
            sum(self.drops(rule, each) for each in self.measured),
            sum(each.reason == rule.name for each in self.measured),
            _percentiles(values),
            looser,
            stricter,
        )

    def sources(self, rule: type[Rule]) -> list[SourcePreview]:
        """The rule by source, most dropped first."""
        groups: dict[str, list[Measurement]] = {}
        for each in self.measured:
            groups.setdefault(each.drawn.source, []).append(each)
        lines = [
            SourcePreview(
                source,
                len(found),
                sum(self.drops(rule, each) for each in found),
                _percentiles(np.array([each.values[rule.name] for each in found])),
            )
            for source, found in groups.items()
        ]
        return sorted(lines, key=lambda line: (-line.dropped / line.documents, line.source))

    def dropped_by(self, rule: type[Rule], most: int) -> list[Measurement]:
        """Documents that the rule would drop, whatever the others say; by id, so a fair choice."""
        return [each for each in self.measured if self.drops(rule, each)][:most]

    def just_kept(self, rule: type[Rule], most: int) -> list[Measurement]:
        """Documents that the rule keeps, nearest to the threshold first."""
        kept = [each for each in self.measured if not self.drops(rule, each)]
        return sorted(kept, key=lambda each: each.values[rule.name] * (1 if rule.at_least else -1))[:most]


def others(rule: type[Rule], threshold: float) -> tuple[float, float]:
    """A looser and a stricter threshold to compare with: half and double, half-way to keeping everything and half, or, of bits,
    a fifth more and less."""
    if rule is Quality:
        return threshold / 2, (1 + threshold) / 2
    if rule in LEARNED:
        return (threshold / 1.2, threshold * 1.2) if rule.at_least else (threshold * 1.2, threshold / 1.2)
    if rule.at_least:
        return threshold / 2, threshold * 2
    return (1 + threshold) / 2, threshold / 2


def _what_if(rule: type[Rule], values: "np.ndarray[tuple[int], np.dtype[np.float64]]", threshold: float) -> WhatIf:
    beyond = values < threshold if rule.at_least else values > threshold
    return WhatIf(threshold, int(beyond.sum()))


def _percentiles(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, ...]:
    return tuple(float(each) for each in np.percentile(values, PERCENTILES)) if len(values) else (0.0,) * len(PERCENTILES)


def preview(sample: Sequence[Drawn], spec: CorpusSpec, models: Models = NOTHING_LEARNED) -> Preview:
    """Clean and measure every document of the sample as a run would."""
    recurring = _recurring(sample, spec) if spec.remove_boilerplate else frozenset()
    measured = _measure(sample, spec, recurring, models)
    own = _own_thresholds(measured, spec)
    rules = SourceRules(spec, own)
    return Preview(spec, tuple(replace(each, reason=_reason(each, rules.of(each.drawn.source))) for each in measured), own)


def _own_thresholds(measured: Sequence[Measurement], spec: CorpusSpec) -> Mapping[str, Mapping[str, float]]:
    if not spec.calibrate.rules.given():
        return {}
    values: dict[str, list[Mapping[str, float]]] = {}
    for each in measured:
        values.setdefault(each.drawn.source, []).append(each.values)
    return by_source(thresholds_from(values, spec.calibrate))


def _reason(each: Measurement, rules: Sequence[Rule]) -> str:
    return next((rule.name for rule in rules if not rule.keeps(each.values[rule.name])), "")


def _recurring(sample: Sequence[Drawn], spec: CorpusSpec) -> frozenset[int]:
    columns = {
        "source": [each.source for each in sample],
        "text": [each.text for each in sample],
        "problem": [""] * len(sample),
    }
    lines = lines_of_block(pa.table(columns), 1)
    return recurring_of([count_lines(spec.recurring_documents, lines[0])], spec.recurring_share)


def _measure(sample: Sequence[Drawn], spec: CorpusSpec, recurring: frozenset[int], models: Models) -> list[Measurement]:
    codes, sources = Codes.of([each.text for each in sample]), [each.source for each in sample]
    stripped, removed = without_boilerplate(codes, sources, spec, recurring)
    return [
        Measurement(drawn, measured.text, lines, {rule.name: rule.measure(measured) for rule in RULES}, "")
        for drawn, measured, lines in zip(sample, measure_all(stripped, models), removed, strict=True)
    ]
