"""What finally becomes of each document: dropped by a rule, a duplicate of another, or kept, for training or held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.corpus.decontamination.hits import CONTAMINATED
from workloads.corpus.dedup.layout import Table
from workloads.corpus.shuffle import collect, start
from workloads.corpus.tables import is_empty, texts, where

EXACT, NEAR, SEMANTIC = "exact_duplicate", "near_duplicate", "semantic_duplicate"
SHARED = "shared_text"  # too little is left of it once what others have too is cut
IS_KEPT, IS_EXACT, IS_NEAR, IS_SEMANTIC = 0, 1, 2, 3
_RULES = np.array(["", EXACT, NEAR, SEMANTIC], dtype=object)

FATE = np.dtype(
    [
        ("row", "<u8"),
        ("room", "<u4"),
        ("kind", "u1"),
        ("value", "<f8"),  # similarity of a duplicate
        ("matched", "S20"),  # id of the document that stays in a duplicate's place
        ("size", "<u4"),  # copies found of a kept document, itself included
        ("lot", "<i8"),
    ]
)
"""One of a table sorted by row; a document that no rule drops and that has no row here is kept and unlike all others."""

WHOLE = 1 << 32
ALWAYS, NEVER = -1, WHOLE
"""Lots of documents that are held out, or trained on, whatever the share: those which they resemble are already, or are many."""


def decide(block: pa.Table, fates: Table) -> pa.Table:
    """The block's documents (not its bad records) with `stage`, `rule`, `value`, `kept`, `matched_id`, `cluster_size` and
    `lot` final. `fates`: at least those of the block."""
    table = where(block, is_empty(block, "problem"))
    rules, values = np.array(texts(table, "rule"), dtype=object), table["value"].to_numpy().copy()
    named = "matched" in table.schema.names  # the item of an evaluation set
    matched = np.array(texts(table, "matched"), dtype=object) if named else np.full(len(rules), "", dtype=object)
    sizes = np.ones(len(rules), np.int32)
    drawn = lots(np.array(texts(table, "id"), "S20"))
    stages = np.select([rules == "", rules == SHARED], ["kept", "duplicates"], "rules").astype(object)
    for check in (PERSONAL, LEXICON, CONTAMINATED):
        stages[rules == check] = check
    here, there = _matches(table["row"].to_numpy(), fates)
    found = fates[there]
    lost = found["kind"] != IS_KEPT
    gone = here[lost]
    rules[gone], values[gone], stages[gone] = _RULES[found["kind"][lost]], found["value"][lost], "duplicates"
    matched[gone] = found["matched"][lost].astype("U20").astype(object)
    sizes[here], drawn[here] = found["size"], found["lot"]
    for name, changed in (("rule", rules), ("value", values)):
        kind = table.schema.field(name).type
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(changed, kind))
    added: dict[str, pa.Array[Any]] = {
        "stage": pa.array(stages, pa.string()),
        "kept": pa.array(stages == "kept", pa.bool_()),
        "matched_id": pa.array(matched, pa.string()),
        "cluster_size": pa.array(sizes),
        "lot": pa.array(drawn),
    }
    for name, column in added.items():
        table = table.append_column(name, column)
    return table


def _matches(rows: NDArray[np.uint64], fates: Table) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(places in `rows`, places in `fates`) of the rows that both have."""
    if not len(fates) or not len(rows):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    place = np.minimum(np.searchsorted(fates["row"], rows), len(fates) - 1)
    here = np.flatnonzero(fates["row"][place] == rows)
    return here, place[here]


def lots(identities: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """A number from 0 to 2^32 - 1 that each id draws for the held-out split: its last 8 hexadecimal digits."""
    return np.array([int(identity[-8:], 16) for identity in identities.tolist()], np.int64)


@dataclass(frozen=True)
class Survey:
    """How many documents were read; of what stays: documents, characters, smallest and largest lot."""

    read: int
    documents: int
    characters: int
    smallest: int
    largest: int


def survey_block(heads: pa.Table, fates: Table) -> Survey:
    decided = decide(heads.select(["row", "id", "problem", "rule", "value", "characters"]), fates)
    kept = where(decided, decided["kept"].to_numpy())
    drawn = kept["lot"].to_numpy()
    return Survey(
        decided.num_rows,
        len(drawn),
        int(kept["characters"].to_numpy().sum()),
        int(drawn.min(initial=WHOLE)),
        int(drawn.max(initial=-1)),
    )


def survey(heads: Sequence[Any], fates: Sequence[Any]) -> Survey:
    """`heads`: of each block (blocks.py); `fates`: for each block a reference to its room's."""
    found = list(collect([start(survey_block, *each) for each in zip(heads, fates, strict=True)]))
    return Survey(
        sum(each.read for each in found),
        sum(each.documents for each in found),
        sum(each.characters for each in found),
        min(each.smallest for each in found),
        max(each.largest for each in found),
    )


def lots_below(share: float) -> int:
    """Lots below this number are held out where a corpus is extended, which has held-out documents already."""
    return round(share * WHOLE)


def heldout_below(share: float, kept: Survey) -> int:
    """Lots below this number are held out: about `share` of the documents, at least one, and never all."""
    if kept.documents < 2:
        return 0
    return min(max(lots_below(share), kept.smallest + 1), kept.largest)
