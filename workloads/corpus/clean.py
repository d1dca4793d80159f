"""A table of read records to cleaned documents: boilerplate out, rules asked, personal data and lexicon checked, fingerprints taken.

Pure functions on Arrow tables; the stage runs `clean_table` on every block.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from workloads.corpus.checks import Checked, Checks
from workloads.corpus.recurring import line_key
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import CLEAN, to_table
from workloads.text.boilerplate import can_recur, strip_boilerplate
from workloads.text.fold import fold
from workloads.text.lexicon import Lexicon
from workloads.text.minhash import band_keys
from workloads.text.rules import Rule, Verdict, build_rules, judge

_SAMPLE_CHARACTERS = 300  # of a dropped text, for the report


@dataclass(frozen=True)
class Cleaned:
    """One document after cleaning; `folded` is empty where it is dropped."""

    checked: Checked
    verdict: Verdict
    lines_removed: int
    folded: str


def clean_text(
    text: str, source: str, spec: CorpusSpec, rules: list[Rule], recurring: Collection[int], checks: Checks
) -> Cleaned:
    """Clean one normalised text. Rules see it without boilerplate; what they keep is checked."""
    removed = 0
    if spec.remove_boilerplate:
        text, removed = strip_boilerplate(
            text, lambda line: bool(recurring) and can_recur(line) and line_key(source, line) in recurring
        )
    verdict = judge(text, rules)
    if not verdict.keep:
        return Cleaned(Checked(text), verdict, removed, "")
    checked = checks.check(text)
    if checked.rule:
        return Cleaned(checked, Verdict(False, checked.rule, checked.value), removed, "")
    return Cleaned(checked, verdict, removed, fold(checked.text))


def clean_table(block: pa.Table, spec: CorpusSpec, recurring: Collection[int], lexicon: Lexicon | None = None) -> pa.Table:
    """Columns READ to columns CLEAN, row by row; a dropped document keeps the beginning of its text only."""
    rules = build_rules(spec.thresholds())
    checks = Checks.of(spec.personal_data, spec.lexicon, lexicon)
    columns = block.select(["text", "source", "problem"]).to_pydict()
    cleaned = [
        None if problem else clean_text(text, source, spec, rules, recurring, checks)
        for text, source, problem in zip(columns["text"], columns["source"], columns["problem"], strict=True)
    ]
    kept = [each is not None and each.verdict.keep for each in cleaned]
    signed = band_keys([each.folded for each, keep in zip(cleaned, kept, strict=True) if each and keep])
    bands = iter(signed)
    rows = []
    for read, each, keep in zip(block.to_pylist(), cleaned, kept, strict=True):
        rows.append(_row(read, each, next(bands) if keep else b""))
    return to_table(rows, CLEAN)


def _row(read: dict[str, object], each: Cleaned | None, bands: bytes) -> tuple[object, ...]:
    if each is None:
        return (*read.values(), 0, "", 0.0, 0, {}, [], {}, [], bytes(16), b"")
    text, verdict, found = each.checked.text, each.verdict, each.checked
    read["text"] = text if verdict.keep else text[:_SAMPLE_CHARACTERS]
    digest = hashlib.blake2b(each.folded.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    findings = (found.personal, found.audit, found.lexicon, found.hits)
    return (*read.values(), len(text), verdict.rule, verdict.value, each.lines_removed, *findings, digest, bands)
