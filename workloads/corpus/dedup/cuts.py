"""Stretches of text that an earlier document has too, and taking them out of the later one."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.corpus.blocks import heads_of
from workloads.corpus.dedup.fates import SHARED, decide
from workloads.corpus.dedup.layout import Rows, Table, joined
from workloads.corpus.tables import texts, where

CUT = np.dtype([("row", "<u8"), ("room", "<u4"), ("start", "<u4"), ("stop", "<u4"), ("other", "<u8"), ("passage", "?")])
"""Characters [start, stop) of a document that the document `other` has too."""


@dataclass(frozen=True)
class SharedText:
    """What was found in documents that stay: paragraphs and passages (a stretch may be both), and the documents and characters
    that they touch in the later copies."""

    paragraphs: int = 0
    passages: int = 0
    documents: int = 0
    characters: int = 0

    def counts(self) -> dict[str, int]:
        """By the names of the manifest's counts."""
        return {f"shared_{name}": value for name, value in vars(self).items()}

    def __add__(self, other: "SharedText") -> "SharedText":
        mine, theirs = vars(self).values(), vars(other).values()
        return SharedText(*(a + b for a, b in zip(mine, theirs, strict=True)))


def kept_texts(block: pa.Table, fates: Table) -> tuple[Rows, list[str]]:
    """(rows, texts) of the block's documents that are kept."""
    table = decide(block.select(["row", "id", "problem", "rule", "value", "text"]), fates)
    table = where(table, table["kept"].to_numpy())
    return table["row"].to_numpy(), texts(table, "text")


def cuts_of_room(*parts: Table) -> list[object]:
    """All cuts of a room, without overlap, in order of document and place; and what they amount to."""
    found = joined(parts)
    found = found[np.lexsort((found["stop"], found["start"], found["row"]))]
    merged = _without_overlap(found)
    touched = len(np.unique(merged["row"]))
    characters = int((merged["stop"].astype(np.int64) - merged["start"]).sum())
    passages = int(found["passage"].sum())
    return [merged, SharedText(len(found) - passages, passages, touched, characters)]


def _without_overlap(cuts: Table) -> Table:
    kept: list[int] = []
    result = cuts.copy()
    for place in range(len(result)):
        before = result[kept[-1]] if kept else None
        if before is not None and before["row"] == result["row"][place] and result["start"][place] <= before["stop"]:
            result["stop"][kept[-1]] = max(before["stop"], result["stop"][place])
        else:
            kept.append(place)
    chosen: Table = result[kept]
    return chosen


def cut_block(block: pa.Table, cuts: Table, least: int) -> list[pa.Table]:
    """The block without the cuts, and its heads."""
    block = without_cuts(block, cuts, least)
    return [block, heads_of(block)]


def without_cuts(block: pa.Table, cuts: Table, least: int) -> pa.Table:
    """A document of which fewer than `least` characters are left is dropped."""
    rows = block["row"].to_numpy()
    places = {int(row): place for place, row in enumerate(rows.tolist())}
    inside = cuts[np.isin(cuts["row"], rows)]
    if not len(inside):
        return block
    columns: dict[str, list[object]] = {name: block[name].to_pylist() for name in ("text", "characters", "rule", "value")}
    edges = np.flatnonzero(np.append(True, inside["row"][1:] != inside["row"][:-1]))
    for start, stop in zip(edges, np.append(edges[1:], len(inside)), strict=True):
        place = places[int(inside["row"][start])]
        before = str(columns["text"][place])
        text = without(before, inside["start"][start:stop], inside["stop"][start:stop])
        columns["text"][place], columns["characters"][place] = text, len(text)
        if len(text) < least:
            columns["rule"][place], columns["value"][place] = SHARED, 1 - len(text) / len(before)
    for name, values in columns.items():
        where_ = block.schema.get_field_index(name)
        block = block.set_column(where_, block.field(where_), pa.array(values, block.field(where_).type))
    return block


def without(text: str, starts: NDArray[np.integer], stops: NDArray[np.integer]) -> str:
    """The text without these stretches, which are in order; a line that is cut whole takes its line end along."""
    parts, at = [], 0
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if start == 0 or text[start - 1] == "\n":
            if text[stop : stop + 1] == "\n":
                stop += 1
            elif stop == len(text):
                start = max(start - 1, 0)
        parts.append(text[at:start])
        at = stop
    return "".join([*parts, text[at:]])
