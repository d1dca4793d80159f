"""A table of read records to cleaned documents: boilerplate out, rules asked, personal data masked, fingerprints taken.

Pure functions on Arrow tables; the stage runs `clean_table` on every block.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workloads.corpus.recurring import seed_of
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.tables import CLEAN, is_empty, texts, where
from workloads.text.boilerplate import strip_column
from workloads.text.codes import Codes
from workloads.text.fold import fold_all
from workloads.text.minhash import band_keys
from workloads.text.pii import Masked, mask
from workloads.text.rules import Verdict, build_rules, judge, measure_all

_SAMPLE_CHARACTERS = 300  # of a dropped text, for the report
_OF_BAD: Mapping[str, object] = {"rule": "", "value": 0.0, "digest": bytes(16), "bands": b""} | dict.fromkeys(
    ("characters", "lines_removed", "mobiles", "emails", "id_cards"), 0
)


@dataclass(frozen=True)
class Cleaned:
    """One document after cleaning."""

    masked: Masked
    verdict: Verdict
    lines_removed: int


def clean_texts(texts: Codes, sources: Sequence[str], spec: CorpusSpec, recurring: Collection[int]) -> list[Cleaned]:
    """Clean normalised texts. Rules see them without boilerplate and before masking."""
    rules, removed = build_rules(spec.rules.thresholds()), np.zeros(len(texts), np.int64)
    stripped = list(texts)
    if spec.remove_boilerplate:
        seeds = np.array(list(map(seed_of, sources)), np.uint64)
        stripped, removed = strip_column(texts, seeds, np.array(sorted(recurring), np.uint64))
    verdicts = [judge(measured, rules) for measured in measure_all(stripped)]
    return [
        Cleaned(mask(text) if verdict.keep and spec.mask_personal_data else Masked(text), verdict, lines)
        for text, verdict, lines in zip(stripped, verdicts, removed.tolist(), strict=True)
    ]


def clean_table(block: pa.Table, spec: CorpusSpec, recurring: Collection[int]) -> pa.Table:
    """Columns READ to columns CLEAN; a dropped document keeps the beginning of its text only. Bad records come last."""
    good = is_empty(block, "problem")
    return pa.concat_tables([_clean(where(block, good), spec, recurring), _pass(where(block, ~good))]).combine_chunks()


def _clean(table: pa.Table, spec: CorpusSpec, recurring: Collection[int]) -> pa.Table:
    cleaned = clean_texts(Codes.of(texts(table, "text")), texts(table, "source"), spec, recurring)
    kept = [each.verdict.keep for each in cleaned]
    folded = fold_all(Codes.of([each.masked.text for each in cleaned if each.verdict.keep]))
    digests, bands = map(_digest, folded), iter(band_keys(folded, spec.duplicates.bands, spec.duplicates.rows))
    columns: dict[str, list[object]] = {
        "text": [each.masked.text[: None if each.verdict.keep else _SAMPLE_CHARACTERS] for each in cleaned],
        "characters": [len(each.masked.text) for each in cleaned],
        "rule": [each.verdict.rule for each in cleaned],
        "value": [each.verdict.value for each in cleaned],
        "lines_removed": [each.lines_removed for each in cleaned],
        "mobiles": [each.masked.mobiles for each in cleaned],
        "emails": [each.masked.emails for each in cleaned],
        "id_cards": [each.masked.id_cards for each in cleaned],
        "digest": [next(digests) if keep else bytes(16) for keep in kept],
        "bands": [next(bands) if keep else b"" for keep in kept],
    }
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
