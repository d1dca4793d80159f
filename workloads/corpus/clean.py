"""A table of read records to cleaned documents: boilerplate out, rules asked, personal data masked, fingerprints taken.

Pure functions on Arrow tables; the stage runs `clean_table` on every block.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from workloads.corpus.recurring import line_key
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import CLEAN, to_table
from workloads.text.boilerplate import can_recur, strip_boilerplate
from workloads.text.codes import Codes
from workloads.text.fold import fold_all
from workloads.text.minhash import band_keys
from workloads.text.pii import Masked, mask
from workloads.text.rules import Measured, Rule, Verdict, build_rules, judge

_SAMPLE_CHARACTERS = 300  # of a dropped text, for the report


@dataclass(frozen=True)
class Cleaned:
    """One document after cleaning."""

    masked: Masked
    verdict: Verdict
    lines_removed: int


def clean_text(text: str, source: str, spec: CorpusSpec, rules: list[Rule], recurring: Collection[int]) -> Cleaned:
    """Clean one normalised text. Rules see it without boilerplate and before masking."""
    removed = 0
    if spec.remove_boilerplate:
        text, removed = strip_boilerplate(
            text, lambda line: bool(recurring) and can_recur(line) and line_key(source, line) in recurring
        )
    verdict = judge(Measured(text), rules)
    if not verdict.keep:
        return Cleaned(Masked(text), verdict, removed)
    return Cleaned(mask(text) if spec.mask_personal_data else Masked(text), verdict, removed)


def clean_table(block: pa.Table, spec: CorpusSpec, recurring: Collection[int]) -> pa.Table:
    """Columns READ to columns CLEAN, row by row; a dropped document keeps the beginning of its text only."""
    rules = build_rules(spec.rules.thresholds())
    columns = block.select(["text", "source", "problem"]).to_pydict()
    cleaned = [
        None if problem else clean_text(text, source, spec, rules, recurring)
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
        return (*read.values(), 0, "", 0.0, 0, 0, 0, 0, digest, bands)
    text, verdict = each.masked.text, each.verdict
    read["text"] = text if verdict.keep else text[:_SAMPLE_CHARACTERS]
    masked = (each.masked.mobiles, each.masked.emails, each.masked.id_cards)
    return (*read.values(), len(text), verdict.rule, verdict.value, each.lines_removed, *masked, digest, bands)
