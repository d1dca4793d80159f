"""Thresholds from the corpus' own distribution: percentiles of each source's documents, from a sample by id.

The same for any order of blocks and number of workers: the sample are the documents with the smallest ids, which are hashes.
"""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from workloads.corpus.calibrate_spec import CalibrateSpec
from workloads.corpus.clean import without_boilerplate
from workloads.corpus.shuffle import collect, start
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import is_empty, texts, where
from workloads.text.codes import Codes
from workloads.text.learned import NOTHING_LEARNED, Models
from workloads.text.rules import RULES, measure_all

Values = Mapping[str, float]  # by rule
Sampled = dict[str, list[str]]  # ids by source


@dataclass(frozen=True)
class Calibrated:
    """A rule's threshold for one source: the `percent` of its `documents` measured lie beyond it."""

    source: str
    rule: str
    threshold: float
    percent: float
    documents: int


def calibrate(
    blocks: Sequence[Any], spec: CorpusSpec, recurring: Collection[int], models: Models = NOTHING_LEARNED
) -> tuple[Calibrated, ...]:
    """Measure a sample of every source and take the thresholds from it; none where the recipe asks for none."""
    if not spec.calibrate.rules.given():
        return ()
    chosen: Sampled = {}
    for found in collect([start(smallest_ids, block, spec.calibrate.documents) for block in blocks]):
        for source, ids in found.items():
            chosen[source] = heapq.nsmallest(spec.calibrate.documents, {*chosen.get(source, []), *ids})
    wanted, known = ray.put(frozenset(identity for ids in chosen.values() for identity in ids)), ray.put(recurring)
    taught = ray.put(models)
    values: dict[str, dict[str, Values]] = {}
    for measured in collect([start(measure_block, block, wanted, spec, known, taught) for block in blocks]):
        for source, identity, each in measured:
            values.setdefault(source, {})[identity] = each
    return thresholds_from({source: list(found.values()) for source, found in values.items()}, spec.calibrate)


def smallest_ids(block: pa.Table, count: int) -> Sampled:
    """Per source of the block its `count` smallest ids."""
    table = where(block, is_empty(block, "problem"))
    by_source: dict[str, set[str]] = {}
    for source, identity in zip(texts(table, "source"), texts(table, "id"), strict=True):
        by_source.setdefault(source, set()).add(identity)
    return {source: heapq.nsmallest(count, ids) for source, ids in by_source.items()}


def measure_block(
    block: pa.Table,
    wanted: frozenset[str],
    spec: CorpusSpec,
    recurring: Collection[int],
    models: Models = NOTHING_LEARNED,
) -> list[tuple[str, str, Values]]:
    """(source, id, values of the calibrated rules) of the documents wanted, cleaned as the rules see them."""
    rules = [rule for rule in RULES if rule.name in spec.calibrate.rules.given()]
    table = where(block, is_empty(block, "problem"))
    table = where(table, np.array([identity in wanted for identity in texts(table, "id")], dtype=bool))
    sources = texts(table, "source")
    stripped, _ = without_boilerplate(Codes.of(texts(table, "text")), sources, spec, recurring)
    return [
        (source, identity, {rule.name: rule.measure(measured) for rule in rules})
        for source, identity, measured in zip(sources, texts(table, "id"), measure_all(stripped, models), strict=True)
    ]


def thresholds_from(values: Mapping[str, Sequence[Values]], spec: CalibrateSpec) -> tuple[Calibrated, ...]:
    """Percentiles that are values of the sample, so that what lies on the threshold stays."""
    result = []
    for source, found in sorted(values.items()):
        if len(found) < spec.least_documents:
            continue
        for rule in RULES:
            if (percent := spec.rules.given().get(rule.name)) is None:
                continue
            measured = [each[rule.name] for each in found]
            place, method = (percent, "higher") if rule.at_least else (100 - percent, "lower")
            threshold = float(np.percentile(measured, place, method=method))  # type: ignore[call-overload]
            result.append(Calibrated(source, rule.name, threshold, percent, len(found)))
    return tuple(result)


def by_source(calibrated: Sequence[Calibrated]) -> dict[str, dict[str, float]]:
    """The thresholds by source and rule."""
    own: dict[str, dict[str, float]] = {}
    for each in calibrated:
        own.setdefault(each.source, {})[each.rule] = each.threshold
    return own
