"""What finally becomes of each document: dropped by a rule, a duplicate of another, or kept, for training or held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from workloads.corpus.checks import LEXICON, PERSONAL
from workloads.corpus.duplicates import Losers, Rows
from workloads.corpus.near import facts_of_block
from workloads.corpus.shuffle import collect, start
from workloads.corpus.tables import is_empty, texts, where

EXACT, NEAR = "exact_duplicate", "near_duplicate"
_WHOLE = 1 << 32


@dataclass(frozen=True)
class Fates:
    """The duplicates, sorted by row: exact or near, how similar, and the id of the document that stays in their place."""

    rows: Rows
    exact: NDArray[np.bool_]
    values: NDArray[np.float64]
    matched: list[str]


def settle(blocks: Sequence[Any], exact: Losers, near: Losers) -> Fates:
    """Join both kinds; a copy of a document that gave way itself is matched with the one that stays."""
    winners = exact.winners.copy()
    if len(near.rows):
        place = np.minimum(np.searchsorted(near.rows, winners), len(near.rows) - 1)
        moved = near.rows[place] == winners
        winners[moved] = near.winners[place[moved]]
    rows, winners = np.concatenate([exact.rows, near.rows]), np.concatenate([winners, near.winners])
    order = np.argsort(rows)
    is_exact = np.arange(len(rows)) < len(exact.rows)
    values = np.concatenate([exact.values, near.values])
    return Fates(rows[order], is_exact[order], values[order], _ids(blocks, winners[order]))


def _ids(blocks: Sequence[Any], rows: Rows) -> list[str]:
    if not len(rows):
        return []
    wanted = ray.put(np.unique(rows))
    facts = pa.concat_tables(collect([start(facts_of_block, block, wanted) for block in blocks])).sort_by("row")
    places = np.searchsorted(facts["row"].to_numpy(), rows)
    identities = texts(facts, "id")
    return [identities[place] for place in places]


def decide(block: pa.Table, fates: Fates) -> pa.Table:
    """The block's documents (not its bad records) with `stage`, `rule`, `value`, `kept` and `matched_id` final."""
    table = where(block, is_empty(block, "problem"))
    rows, rules = table["row"].to_numpy(), np.array(texts(table, "rule"), dtype=object)
    values = table["value"].to_numpy().copy()
    matched = np.full(len(rows), "", dtype=object)
    stages = np.where(rules == "", "kept", "rules").astype(object)
    for check in (PERSONAL, LEXICON):
        stages[rules == check] = check
    if len(fates.rows) and len(rows):
        place = np.minimum(np.searchsorted(fates.rows, rows), len(fates.rows) - 1)
        lost = fates.rows[place] == rows
        rules[lost] = np.where(fates.exact[place[lost]], EXACT, NEAR)
        values[lost] = fates.values[place[lost]]
        matched[lost] = np.array(fates.matched, dtype=object)[place[lost]]
        stages[lost] = "duplicates"
    kept = pa.array(stages == "kept", pa.bool_())
    for name, column in (("rule", rules), ("value", values)):
        kind = table.schema.field(name).type
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(column, kind))
    table = table.append_column("stage", pa.array(stages, pa.string())).append_column("kept", kept)
    return table.append_column("matched_id", pa.array(matched, pa.string()))


def lot(identity: str) -> int:
    """A number from 0 to 2^32 - 1 that the id draws for the held-out split: its last 8 hexadecimal digits."""
    return int(identity[-8:], 16)


@dataclass(frozen=True)
class Survey:
    """What stays: documents, characters, bytes of text, smallest and largest lot."""

    documents: int
    characters: int
    smallest: int
    largest: int


def survey_block(block: pa.Table, fates: Fates) -> Survey:
    table = decide(block, fates)
    table = where(table, table["kept"].to_numpy())
    lots = [lot(identity) for identity in texts(table, "id")]
    return Survey(len(lots), int(table["characters"].to_numpy().sum()), min(lots, default=_WHOLE), max(lots, default=-1))


def survey(blocks: Sequence[Any], fates: Fates) -> Survey:
    shared = ray.put(fates)
    found = list(collect([start(survey_block, block, shared) for block in blocks]))
    return Survey(
        sum(each.documents for each in found),
        sum(each.characters for each in found),
        min(each.smallest for each in found),
        max(each.largest for each in found),
    )


def heldout_below(share: float, kept: Survey) -> int:
    """Lots below this number are held out: about `share` of the documents, at least one, and never all."""
    if kept.documents < 2:
        return 0
    return min(max(round(share * _WHOLE), kept.smallest + 1), kept.largest)
