"""Pairs of documents to look at side by side: a duplicate and what stays in its place, a shared passage in both its documents.

Gathered from the blocks for the report; what is shown holds no personal data.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workloads.corpus.blocks import Blocks
from workloads.corpus.dedup.cuts import CUT
from workloads.corpus.dedup.fates import EXACT, NEAR, SEMANTIC, decide
from workloads.corpus.dedup.layout import Rows, Table, joined
from workloads.corpus.shuffle import collect, start
from workloads.corpus.tables import in_order, texts, where
from workloads.corpus.tally import SAMPLES
from workloads.text.difference import Stretch, differences, excerpt
from workloads.text.personal.mask import shown

PASSAGE = "shared_passage"
_KINDS = (EXACT, NEAR, SEMANTIC)
_COMPARED, _SHOWN, _AROUND = 20_000, 320, 40  # characters
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class Side:
    """One of the two documents, and what is shown of it."""

    id: str
    source: str
    file: str
    position: int
    characters: int
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Pair:
    """`left` goes, or gives the passage up, and `right` stays. `value`: their similarity, or the passage's length."""

    reason: str
    value: float
    left: Side
    right: Side

    def ids(self) -> set[str]:
        return {self.left.id, self.right.id}


@dataclass(frozen=True)
class Found:
    """A document as it lies in a block."""

    row: int
    id: str
    source: str
    file: str
    position: int
    text: str

    def side(self, stretches: tuple[Stretch, ...]) -> Side:
        return Side(self.id, self.source, self.file, self.position, len(self.text), stretches)


@dataclass(frozen=True, order=True)
class Drawn:
    """A duplicate that is to be shown, and the id of what it is a duplicate of."""

    id: str
    row: int
    reason: str
    value: float
    matched: str


def duplicate_pairs(blocks: Blocks, fates: Sequence[Any]) -> tuple[Pair, ...]:
    """A few of each kind of duplicate whose other document is in this corpus and not in its base. `fates`: for each block a
    reference to its room's. The text of those blocks alone is read in which they are."""
    tasks = [start(draw_duplicates, *each) for each in zip(blocks.heads, fates, strict=True)]
    drawn = sorted(each for found in collect(tasks) for each in found)
    chosen = [each for reason in _KINDS for each in [found for found in drawn if found.reason == reason][:SAMPLES]]
    ids, rows = sorted({each.matched for each in chosen}), np.array([each.row for each in chosen], np.uint64)
    held = collect([start(holds, heads, ids, rows) for heads in blocks.heads]) if chosen else ()
    found = _fetch([block for block, one in zip(blocks.tables, held, strict=False) if one], ids, rows)
    by_row = {each.row: each for each in found}
    pairs = []
    for each in chosen:
        right = next((other for other in found if other.id == each.matched and other.row != each.row), None)
        if right:
            pairs.append(_duplicates(each.reason, each.value, by_row[each.row], right))
    return tuple(pairs)


def draw_duplicates(heads: pa.Table, fates: Table) -> list[Drawn]:
    """Of each kind those with the smallest ids, which are hashes."""
    decided = decide(heads.select(["row", "id", "problem", "rule", "value"]), fates)
    drawn = []
    for reason in _KINDS:
        table = where(decided, np.array(texts(decided, "rule"), object) == reason)
        table = in_order(table, ("id", "ascending"), ("row", "ascending")).slice(0, SAMPLES)
        rows = table.select(["id", "row", "value", "matched_id"]).to_pylist()
        drawn += [Drawn(row["id"], row["row"], reason, row["value"], row["matched_id"]) for row in rows]
    return drawn


def holds(table: pa.Table, ids: list[str], rows: Rows) -> bool:
    """Whether one of these documents is in it."""
    return bool(_chosen(table, ids, rows).any())


def _duplicates(reason: str, value: float, left: Found, right: Found) -> Pair:
    """Documents that only mean the same differ everywhere: of them the beginnings are shown."""
    a, b = (shown(each.text, _COMPARED) for each in (left, right))
    both = (excerpt(a, _SHOWN), excerpt(b, _SHOWN)) if reason == SEMANTIC else differences(a, b, _SHOWN)
    return Pair(reason, value, left.side(both[0]), right.side(both[1]))


def draw_cuts(*parts: Table) -> Table:
    """A few of a room's cuts, by a hash of their place."""
    cuts = joined([np.empty(0, CUT), *parts])
    drawn = (cuts["row"] + cuts["start"]) * _MIX
    return cuts[np.lexsort((cuts["start"], cuts["row"], drawn))][:SAMPLES]


def passage_pairs(blocks: Sequence[Any], drawn: Iterable[Any]) -> tuple[Pair, ...]:
    """`blocks` before anything is cut from them; `drawn`: references to what `draw_cuts` gave for each room."""
    cuts = draw_cuts(*collect(drawn))
    rows = np.union1d(cuts["row"], cuts["other"])
    found = {each.row: each for each in _fetch(blocks, (), rows)} if len(cuts) else {}
    return tuple(
        _passage(found[int(cut["row"])], found[int(cut["other"])], int(cut["start"]), int(cut["stop"])) for cut in cuts
    )


def _passage(left: Found, right: Found, start: int, stop: int) -> Pair:
    at = right.text.find(left.text[start:stop])  # word for word, as it was found
    sides = (left.side(_surrounded(left.text, start, stop)), right.side(_surrounded(right.text, at, at + stop - start)))
    return Pair(PASSAGE, float(stop - start), *sides)


def _surrounded(text: str, start: int, stop: int) -> tuple[Stretch, ...]:
    """The beginning and the end of the passage, with what stands around it."""
    before, after = text[max(0, start - _AROUND) : start], text[stop : stop + _AROUND]
    inside = text[start:stop]
    parts = [Stretch(_plain(before).lstrip("\n"), "same")]
    if len(inside) > _SHOWN:
        head, tail = inside[: _SHOWN // 2], inside[-_SHOWN // 4 :]
        parts += [Stretch(_plain(head), "shared"), Stretch("", "left out"), Stretch(_plain(tail), "shared")]
    else:
        parts.append(Stretch(_plain(inside), "shared"))
    parts.append(Stretch(_plain(after), "same"))
    return tuple(part for part in parts if part.text or part.kind == "left out")


def _plain(text: str) -> str:
    return shown(text, len(text))


def _fetch(blocks: Sequence[Any], ids: Collection[str], rows: Rows) -> list[Found]:
    return [each for found in collect([start(look_up, block, list(ids), rows) for block in blocks]) for each in found]


def look_up(block: pa.Table, ids: list[str], rows: Rows) -> list[Found]:
    """The block's documents with one of these ids or row numbers."""
    chosen = where(block.select(["row", "id", "source", "file", "position", "text"]), _chosen(block, ids, rows))
    return [Found(**row) for row in chosen.to_pylist()]


def _chosen(table: pa.Table, ids: list[str], rows: Rows) -> NDArray[np.bool_]:
    by_id = pc.is_in(table["id"], pa.array(ids, pa.string())).to_numpy(zero_copy_only=False)
    chosen: NDArray[np.bool_] = by_id.astype(bool) | np.isin(table["row"].to_numpy(), rows)
    return chosen
