"""A table of read records to cleaned documents: boilerplate out, rules asked, personal data masked, fingerprints taken.

Pure functions on Arrow tables; the stage runs `clean_table` on every block.
"""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workloads.corpus.recurring import seed_of
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import CLEAN, is_empty, texts, where
from workloads.text.boilerplate import strip_column
from workloads.text.codes import Codes
from workloads.text.convert import convert
from workloads.text.fold import fold_all
from workloads.text.learned import NOTHING_LEARNED, Models
from workloads.text.minhash import band_keys
from workloads.text.pii import Masked, mask
from workloads.text.rules import Rule, Verdict, build_rules, judge, measure_all
from workloads.text.rules.language import Script, script_of
from workloads.text.rules.measured import Measured

_SAMPLE_CHARACTERS = 300  # of a dropped text, for the report
_OF_BAD: Mapping[str, object] = {
    "rule": "",
    "value": 0.0,
    "threshold": 0.0,
    "script": "none",
    "converted": False,
    "digest": bytes(16),
    "bands": b"",
} | dict.fromkeys(("characters", "lines_removed", "mobiles", "emails", "id_cards"), 0)


@dataclass(frozen=True)
class Cleaned:
    """One document after cleaning."""

    masked: Masked
    verdict: Verdict
    lines_removed: int
    script: Script
    score: float  # of the quality model; not a number for what is dropped, or where there is no model
    converted: bool = False


Own = Mapping[str, Mapping[str, float]]
"""Thresholds by source and rule, in place of the recipe's."""


class SourceRules:
    """The rules for every source: with the recipe's thresholds, or those taken from the source itself."""

    def __init__(self, spec: CorpusSpec, own: Own) -> None:
        self._given = spec.thresholds()
        self._rules = {source: build_rules({**self._given, **thresholds}) for source, thresholds in own.items()}
        self._others = build_rules(self._given)

    def of(self, source: str) -> Sequence[Rule]:
        return self._rules.get(source, self._others)


def clean_texts(
    texts: Codes,
    sources: Sequence[str],
    spec: CorpusSpec,
    recurring: Collection[int],
    own: Own | None = None,
    models: Models = NOTHING_LEARNED,
) -> list[Cleaned]:
    """Clean normalised texts. Rules see them without boilerplate, before conversion and masking."""
    rules = SourceRules(spec, own or {})
    stripped, removed = without_boilerplate(texts, sources, spec, recurring)
    return [
        _cleaned(measured, rules.of(source), lines, spec)
        for measured, source, lines in zip(measure_all(stripped, models), sources, removed, strict=True)
    ]


def without_boilerplate(
    texts: Codes, sources: Sequence[str], spec: CorpusSpec, recurring: Collection[int]
) -> tuple[list[str], list[int]]:
    """The texts without the lines that belong to their pages, and how many went; as they are where the recipe says so."""
    if not spec.remove_boilerplate:
        return list(texts), [0] * len(texts)
    seeds = np.array(list(map(seed_of, sources)), np.uint64)
    stripped, removed = strip_column(texts, seeds, np.array(sorted(recurring), np.uint64))
    return stripped, removed.tolist()


def _cleaned(measured: Measured, rules: Sequence[Rule], lines: int, spec: CorpusSpec) -> Cleaned:
    text, verdict, script = measured.text, judge(measured, rules), script_of(measured)
    if not verdict.keep:
        return Cleaned(Masked(text), verdict, lines, script, math.nan)
    written = convert(text, script, spec.convert)
    masked = mask(written) if spec.mask_personal_data else Masked(written)
    return Cleaned(masked, verdict, lines, script, measured.quality, written != text)


def clean_table(
    block: pa.Table,
    spec: CorpusSpec,
    recurring: Collection[int],
    own: Own | None = None,
    models: Models = NOTHING_LEARNED,
) -> pa.Table:
    """Columns READ to columns CLEAN; a dropped document keeps the beginning of its text only. Bad records come last."""
    good = is_empty(block, "problem")
    cleaned = _clean(where(block, good), spec, recurring, own, models)
    return pa.concat_tables([cleaned, _pass(where(block, ~good))]).combine_chunks()


def _clean(table: pa.Table, spec: CorpusSpec, recurring: Collection[int], own: Own | None, models: Models) -> pa.Table:
    cleaned = clean_texts(Codes.of(texts(table, "text")), texts(table, "source"), spec, recurring, own, models)
    kept = [each.verdict.keep for each in cleaned]
    folded = fold_all(Codes.of([each.masked.text for each in cleaned if each.verdict.keep]))
    digests, bands = map(_digest, folded), iter(band_keys(folded, spec.duplicates.bands, spec.duplicates.rows))
    columns: dict[str, list[object]] = {
        "text": [each.masked.text[: None if each.verdict.keep else _SAMPLE_CHARACTERS] for each in cleaned],
        "characters": [len(each.masked.text) for each in cleaned],
        "rule": [each.verdict.rule for each in cleaned],
        "value": [each.verdict.value for each in cleaned],
        "threshold": [each.verdict.threshold for each in cleaned],
        "lines_removed": [each.lines_removed for each in cleaned],
        "script": [each.script for each in cleaned],
        "converted": [each.converted for each in cleaned],
        "mobiles": [each.masked.mobiles for each in cleaned],
        "emails": [each.masked.emails for each in cleaned],
        "id_cards": [each.masked.id_cards for each in cleaned],
        "digest": [next(digests) if keep else bytes(16) for keep in kept],
        "bands": [next(bands) if keep else b"" for keep in kept],
    }
    if models.quality:
        columns["score"] = [each.score for each in cleaned]
    return _with(table, columns)


def _pass(table: pa.Table) -> pa.Table:
    """Bad records as they are."""
    return _with(table, {name: [value] * table.num_rows for name, value in _OF_BAD.items()})


def _with(table: pa.Table, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    arrays = [
        pa.chunked_array([pa.array(columns[each.name], each.type)]) if each.name in columns else table[each.name]
        for each in CLEAN
    ]
    return pa.Table.from_arrays(arrays, schema=CLEAN)


def _digest(folded: str) -> bytes:
    """16 bytes, equal for exact duplicates."""
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()
