"""Paragraphs (lines) that stand in several documents, word for word, found by partitions of their digests.

Of all documents with a paragraph the first, in order of files and positions, keeps it.
"""

import hashlib

import numpy as np
import pyarrow as pa

from workloads.corpus.dedup.cuts import CUT, kept_texts
from workloads.corpus.dedup.layout import Layout, Table, firsts, joined

PARAGRAPH = np.dtype([("first", "<u8"), ("second", "<u8"), ("row", "<u8"), ("room", "<u4"), ("start", "<u4"), ("stop", "<u4")])


def paragraphs_of_block(layout: Layout, least: int, room: int, block: pa.Table, fates: Table) -> list[Table]:
    """Every paragraph of at least `least` characters in a document that is kept, by partition of its digest."""
    found = [
        (*_digest(text[start:stop]), row, room, start, stop)
        for row, text in zip(*(list(column) for column in kept_texts(block, fates)), strict=True)
        for start, stop in _lines(text)
        if stop - start >= least
    ]
    return layout.by_row(np.array(found, PARAGRAPH), "first")


def _lines(text: str) -> list[tuple[int, int]]:
    edges, start = [], 0
    for line in text.split("\n"):
        edges.append((start, start + len(line)))
        start += len(line) + 1
    return edges


def _digest(line: str) -> tuple[int, int]:
    digest = hashlib.blake2b(line.strip().encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def repeated_paragraphs(layout: Layout, *parts: Table) -> list[Table]:
    """The cuts by room: every copy in another document than the first."""
    table = joined(parts)
    table = table[np.lexsort((table["start"], table["row"], table["second"], table["first"]))]
    first = firsts(table["first"], table["second"])
    owners = table["row"][first][np.cumsum(first) - 1]
    later = table[owners != table["row"]]
    cuts = np.zeros(len(later), CUT)
    for name in ("row", "room", "start", "stop"):
        cuts[name] = later[name]
    cuts["other"] = owners[owners != table["row"]]
    return layout.by_room(cuts)
