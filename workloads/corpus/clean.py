"""A table of read records to cleaned documents: boilerplate out, rules asked, personal data and lexicon checked, fingerprints taken.

Pure functions on Arrow tables; the stage runs `clean_table` on every block.
"""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pyarrow as pa

from workloads.corpus.checks import Checked, Checks
from workloads.corpus.decontamination.hits import CONTAMINATED, Decontaminator, Hit
from workloads.corpus.recurring import seed_of
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import CLEAN, HIT_NAMES, is_empty, slices, texts, where
from workloads.text.boilerplate import strip_column
from workloads.text.codes import Codes
from workloads.text.convert import convert
from workloads.text.fold import fold_all
from workloads.text.learned import NOTHING_LEARNED, Models
from workloads.text.lexicon import Lexicon
from workloads.text.minhash import band_keys
from workloads.text.rules import Rule, Verdict, build_rules, judge, lengths_of, measure_all
from workloads.text.rules.language import Script, script_of
from workloads.text.rules.measured import Measured

_SAMPLE_CHARACTERS = 300  # of a dropped text, for the report
_SLICE_BYTES = 4 << 20  # of text cleaned at a time: counting n-grams takes about 15 times that
_OF_BAD: Mapping[str, object] = {
    "rule": "",
    "value": 0.0,
    "threshold": 0.0,
    "script": "none",
    "converted": False,
    "digest": bytes(16),
    "bands": b"",
    "overlaps": (),
    "matched": "",
    "characters": 0,
    "lines_removed": 0,
} | dict.fromkeys(("personal", "audit", "lexicon", "hits"), ())


@dataclass(frozen=True)
class Cleaned:
    """One document after cleaning."""

    checked: Checked
    verdict: Verdict
    lines_removed: int
    script: Script
    score: float  # of the quality model; not a number for what is dropped, or where there is no model
    converted: bool = False
    hits: tuple[Hit, ...] = ()
    matched: str = ""


Own = Mapping[str, Mapping[str, float]]
"""Thresholds by source and rule, in place of the recipe's."""


class SourceRules:
    """The rules for every source: with the recipe's thresholds, or those taken from the source itself."""

    def __init__(self, spec: CorpusSpec, own: Own) -> None:
        self._given = spec.thresholds()
        self._rules = {source: build_rules({**self._given, **thresholds}) for source, thresholds in own.items()}
        self._others = build_rules(self._given)
        self.lengths = lengths_of({*self._given, *(name for thresholds in own.values() for name in thresholds)})

    def of(self, source: str) -> Sequence[Rule]:
        return self._rules.get(source, self._others)


@dataclass(frozen=True)
class Cleaning:
    """All that cleaning a block takes. `recurring`: hashes of lines that belong to the pages of a source; `own`: thresholds
    taken from the sources themselves."""

    spec: CorpusSpec
    recurring: frozenset[int] = frozenset()
    own: Own = field(default_factory=dict)
    lexicon: Lexicon | None = None
    decontaminator: Decontaminator | None = None
    models: Models = NOTHING_LEARNED


def clean_texts(texts: Codes, sources: Sequence[str], cleaning: Cleaning) -> list[Cleaned]:
    """Clean normalised texts. Rules see them without boilerplate; what they keep is converted, then checked."""
    spec = cleaning.spec
    rules = SourceRules(spec, cleaning.own)
    checks = Checks.of(spec.personal_data, spec.lexicon, cleaning.lexicon)
    stripped, removed = without_boilerplate(texts, sources, spec, cleaning.recurring)
    return [
        _cleaned(measured, rules.of(source), lines, spec, checks)
        for measured, source, lines in zip(measure_all(stripped, cleaning.models, rules.lengths), sources, removed, strict=True)
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


def _cleaned(measured: Measured, rules: Sequence[Rule], lines: int, spec: CorpusSpec, checks: Checks) -> Cleaned:
    text, verdict, script = measured.text, judge(measured, rules), script_of(measured)
    if not verdict.keep:
        return Cleaned(Checked(text), verdict, lines, script, math.nan)
    written = convert(text, script, spec.convert)
    checked = checks.check(written)
    if checked.rule:
        verdict = Verdict(False, checked.rule, checked.value, checks.threshold(checked.rule))
    return Cleaned(checked, verdict, lines, script, measured.quality, written != text)


def clean_table(block: pa.Table, cleaning: Cleaning) -> pa.Table:
    """Columns READ to columns CLEAN; a dropped document keeps the beginning of its text only. Bad records come last. Memory
    beyond the table and its result is that of one slice."""
    good = is_empty(block, "problem")
    cleaned = [_clean(each, cleaning) for each in slices(where(block, good), _SLICE_BYTES)]
    return pa.concat_tables([*cleaned, _pass(where(block, ~good))]).combine_chunks()


def without_items(
    cleaned: Sequence[Cleaned], folded: Sequence[str], decontaminator: Decontaminator
) -> tuple[list[Cleaned], list[str]]:
    """The documents with the items of evaluation sets found in them, those that quote one dropped; the folded texts of the
    rest. `folded`: of those that no rule drops."""
    result, left = [], []
    prints = iter(folded)
    for each in cleaned:
        if not each.verdict.keep:
            result.append(each)
            continue
        own = next(prints)
        hits = tuple(decontaminator.hits(each.checked.text, own))
        quoted = next((hit for hit in hits if hit.quoted), None)
        if quoted and decontaminator.drops:
            verdict = Verdict(False, CONTAMINATED, quoted.share, decontaminator.min_share)
            result.append(replace(each, verdict=verdict, hits=hits, matched=decontaminator.items[quoted.item].name))
        else:
            result.append(replace(each, hits=hits))
            left.append(own)
    return result, left


def _clean(table: pa.Table, cleaning: Cleaning) -> pa.Table:
    spec = cleaning.spec
    cleaned = clean_texts(Codes.of(texts(table, "text")), texts(table, "source"), cleaning)
    folded = fold_all(Codes.of([each.checked.text for each in cleaned if each.verdict.keep]))
    if cleaning.decontaminator:
        cleaned, left = without_items(cleaned, list(folded), cleaning.decontaminator)
        folded = Codes.of(left)
    kept = [each.verdict.keep for each in cleaned]
    digests, bands = map(_digest, folded), iter(band_keys(folded, spec.duplicates.bands, spec.duplicates.rows))
    columns: dict[str, list[object]] = {
        "text": [each.checked.text[: None if each.verdict.keep else _SAMPLE_CHARACTERS] for each in cleaned],
        "characters": [len(each.checked.text) for each in cleaned],
        "rule": [each.verdict.rule for each in cleaned],
        "value": [each.verdict.value for each in cleaned],
        "threshold": [each.verdict.threshold for each in cleaned],
        "lines_removed": [each.lines_removed for each in cleaned],
        "script": [each.script for each in cleaned],
        "converted": [each.converted for each in cleaned],
        "personal": [list(each.checked.personal.items()) for each in cleaned],
        "audit": [[{"kind": kind, "shown": text} for kind, text in each.checked.audit] for each in cleaned],
        "lexicon": [list(each.checked.lexicon.items()) for each in cleaned],
        "hits": [[dict(zip(HIT_NAMES, hit, strict=True)) for hit in each.checked.hits] for each in cleaned],
        "overlaps": [[asdict(hit) for hit in each.hits] for each in cleaned],
        "matched": [each.matched for each in cleaned],
        "digest": [next(digests) if keep else bytes(16) for keep in kept],
        "bands": [next(bands) if keep else b"" for keep in kept],
    }
    if cleaning.models.quality:
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
