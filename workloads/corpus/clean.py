"""A table of read records to cleaned documents: boilerplate out, rules asked, personal data masked, fingerprints taken.

Pure functions on Arrow tables; the stage runs `clean_table` on every block.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from workloads.corpus.recurring import line_key
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import CLEAN, to_table
from workloads.text.boilerplate import can_recur, strip_boilerplate
from workloads.text.codes import Codes
from workloads.text.convert import convert
from workloads.text.fold import fold_all
from workloads.text.minhash import band_keys
from workloads.text.pii import Masked, mask
from workloads.text.rules import Measured, Rule, Verdict, build_rules, judge
from workloads.text.rules.language import Script, script_of

_SAMPLE_CHARACTERS = 300  # of a dropped text, for the report


@dataclass(frozen=True)
class Cleaned:
    """One document after cleaning."""

    masked: Masked
    verdict: Verdict
    lines_removed: int
    script: Script
    converted: bool = False


def clean_text(text: str, source: str, spec: CorpusSpec, rules: Sequence[Rule], recurring: Collection[int]) -> Cleaned:
    """Clean one normalised text. Rules see it without boilerplate, before conversion and masking."""
    text, removed = without_boilerplate(text, source, spec, recurring)
    measured = Measured(text)
    verdict, script = judge(measured, rules), script_of(measured)
    if not verdict.keep:
        return Cleaned(Masked(text), verdict, removed, script)
    written = convert(text, script, spec.convert)
    masked = mask(written) if spec.mask_personal_data else Masked(written)
    return Cleaned(masked, verdict, removed, script, written != text)


def without_boilerplate(text: str, source: str, spec: CorpusSpec, recurring: Collection[int]) -> tuple[str, int]:
    """The text without the lines that belong to its page, and how many went; as it is where the recipe says so."""
    if not spec.remove_boilerplate:
        return text, 0
    return strip_boilerplate(text, lambda line: bool(recurring) and can_recur(line) and line_key(source, line) in recurring)


class SourceRules:
    """The rules for every source: with the recipe's thresholds, or those taken from the source itself."""

    def __init__(self, spec: CorpusSpec, own: Mapping[str, Mapping[str, float]]) -> None:
        self._given = spec.rules.thresholds()
        self._rules = {source: build_rules({**self._given, **thresholds}) for source, thresholds in own.items()}
        self._others = build_rules(self._given)

    def of(self, source: str) -> Sequence[Rule]:
        return self._rules.get(source, self._others)


def clean_table(
    block: pa.Table, spec: CorpusSpec, recurring: Collection[int], own: Mapping[str, Mapping[str, float]] | None = None
) -> pa.Table:
    """Columns READ to columns CLEAN, row by row; a dropped document keeps the beginning of its text only. `own`: thresholds
    by source and rule, in place of the recipe's."""
    rules = SourceRules(spec, own or {})
    columns = block.select(["text", "source", "problem"]).to_pydict()
    cleaned = [
        None if problem else clean_text(text, source, spec, rules.of(source), recurring)
        for text, source, problem in zip(columns["text"], columns["source"], columns["problem"], strict=True)
    ]
    kept = [each is not None and each.verdict.keep for each in cleaned]
    folded = fold_all(Codes.of([each.masked.text for each, keep in zip(cleaned, kept, strict=True) if each and keep]))
    prints = zip(map(_digest, folded), band_keys(folded), strict=True)
    rows = []
    for read, each, keep in zip(block.to_pylist(), cleaned, kept, strict=True):
        rows.append(_row(read, each, *(next(prints) if keep else (bytes(16), b""))))
    return to_table(rows, CLEAN)


def _digest(folded: str) -> bytes:
    """16 bytes, equal for exact duplicates."""
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()


def _row(read: dict[str, object], each: Cleaned | None, digest: bytes, bands: bytes) -> tuple[object, ...]:
    if each is None:
        return (*read.values(), 0, "", 0.0, 0.0, 0, "", False, 0, 0, 0, digest, bands)
    text, verdict = each.masked.text, each.verdict
    read["text"] = text if verdict.keep else text[:_SAMPLE_CHARACTERS]
    masked = (each.masked.mobiles, each.masked.emails, each.masked.id_cards)
    judged = (verdict.rule, verdict.value, verdict.threshold)
    changed = (each.lines_removed, each.script, each.converted)
    return (*read.values(), len(text), *judged, *changed, *masked, digest, bands)
