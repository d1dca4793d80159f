"""Long passages that two documents share, wherever they begin: anchors find them, comparing the texts settles them.

Anchors are the smallest hashes of windows (Schleimer, Wilkerson, Aiken, Winnowing, SIGMOD 2003): every shared stretch of at
least `least` characters has one in common, and there is about one in 70 characters. So what is moved is a ninth of the text's
bytes, where a suffix array needs all text, and eight bytes for every character of it, in one place
(docs/decisions/0008-copies-out-by-partitions.md).
"""

from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.corpus.dedup.cuts import CUT, kept_texts
from workloads.corpus.dedup.layout import Layout, Rows, Table, firsts, joined
from workloads.corpus.dedup.verify import Texts, texts_for_rooms, texts_of_rows

ANCHOR = np.dtype([("key", "<u8"), ("row", "<u8"), ("room", "<u4"), ("at", "<u4")])
MATCH = np.dtype([("a", "<u8"), ("b", "<u8"), ("a_room", "<u4"), ("b_room", "<u4"), ("a_at", "<u4"), ("b_at", "<u4")])

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_ENDS = "\n。！？；…!?;"  # a cut begins and ends at one of these

Codes = NDArray[np.uint32]


def grams(least: int) -> tuple[int, int]:
    """(characters that an anchor covers, anchors in a window): together they fill a passage of `least` characters."""
    size = 1 << ((least + 1) // 3).bit_length() - 1
    return size, least - size + 1


def anchors(codes: Codes, least: int) -> tuple[Rows, NDArray[np.intp]]:
    """(hashes, places) of the anchors of a text given as code points; none where it is shorter than `least`."""
    size, window = grams(least)
    if len(codes) < least:
        return np.empty(0, np.uint64), np.empty(0, np.intp)
    hashes = codes.astype(np.uint64) * _MIX
    covered = 1
    while covered < size:
        hashes = hashes[:-covered] * _BASE + hashes[covered:]
        hashes ^= hashes >> np.uint64(31)
        covered *= 2
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    smallest = _sliding(hashes, window, np.minimum)
    padded = np.concatenate([np.zeros(window - 1, np.uint64), smallest, np.zeros(window - 1, np.uint64)])
    places = np.flatnonzero(_sliding(padded, window, np.maximum) == hashes)
    places = places[np.append(True, hashes[places[1:]] != hashes[places[:-1]])] if len(places) else places
    return hashes[places], places


def _sliding(values: Rows, window: int, best: np.ufunc) -> Rows:
    """The smallest (or largest) of every `window` values in a row."""
    width = 1
    while 2 * width <= window:
        values = best(values[:-width], values[width:])
        width *= 2
    rest = window - width
    return cast(Rows, best(values[: len(values) - rest], values[rest:])) if rest else values


def codes_of(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def anchors_of_block(layout: Layout, least: int, room: int, block: pa.Table, fates: Table) -> list[Table]:
    """The anchors of the documents that are kept, by partition of their hashes."""
    tables = [np.empty(0, ANCHOR)]
    for row, text in zip(*kept_texts(block, fates), strict=True):
        hashes, places = anchors(codes_of(text), least)
        table = np.zeros(len(hashes), ANCHOR)
        table["key"], table["at"], table["row"], table["room"] = hashes, places, row, room
        tables.append(table)
    return layout.by_row(np.concatenate(tables), "key")


def matches_of_anchors(layout: Layout, *parts: Table) -> list[Table]:
    """Each anchor of a later document with the first document that has the same, by room of the later."""
    table = joined(parts)
    table = table[np.lexsort((table["at"], table["row"], table["key"]))]
    first = firsts(table["key"])
    owners = table[first][np.cumsum(first) - 1]
    later = owners["row"] != table["row"]
    found = np.zeros(int(later.sum()), MATCH)
    for end, side in (("a", owners[later]), ("b", table[later])):
        found[end], found[f"{end}_room"], found[f"{end}_at"] = side["row"], side["room"], side["at"]
    return layout.by_room(found, "b_room")


def matches_of_room(layout: Layout, room: int, *parts: Table) -> list[Table | Rows]:
    """The room's matches in order, and the documents that it needs from each room."""
    found = joined(parts)
    found = found[np.lexsort((found["b_at"], found["a"], found["b"]))]
    needed = [np.unique(found["a"][found["a_room"] == each]) for each in range(layout.rooms)]
    needed[room] = np.union1d(needed[room], found["b"])
    return [found, *needed]


def texts_of_block(block: pa.Table, *needed: Rows) -> list[Texts]:
    """For each room that needs some: rows and texts of this block's documents."""
    documents = np.zeros(block.num_rows, [("row", "<u8")])
    documents["row"] = block["row"].to_numpy()
    return texts_for_rooms(documents, needed, lambda rows: texts_of_rows(block, rows))


def passages_of_room(least: int, matches: Table, *pieces: Texts) -> Table:
    """The cuts: shared stretches of at least `least` characters, shrunk to whole sentences."""
    rows = joined([cards for cards, _ in pieces])["row"].tolist()
    every = [str(text) for _, piece in pieces for text in piece.to_pylist()]
    text = dict(zip(rows, every, strict=True))
    codes = {row: codes_of(each) for row, each in text.items()}
    found: list[tuple[object, ...]] = []
    last, seen = (-1, -1), -1
    for match in matches:
        a, b, a_at, b_at = (int(match[name]) for name in ("a", "b", "a_at", "b_at"))
        if (a, b) != last:
            last, seen = (a, b), -1
        if b_at < seen:
            continue
        start, stop = _extent(codes[a], codes[b], a_at, b_at)
        if stop - start < least:
            continue
        seen = stop
        start, stop = whole_sentences(text[b], start, stop)
        if stop - start >= least // 2:
            found.append((b, int(match["b_room"]), start, stop, a, True))
    return np.array(found, CUT)


def _extent(a: Codes, b: Codes, a_at: int, b_at: int) -> tuple[int, int]:
    """The stretch [start, stop) of b around b_at that equals a around a_at."""
    forward = min(len(a) - a_at, len(b) - b_at)
    backward = min(a_at, b_at)
    after = a[a_at : a_at + forward] != b[b_at : b_at + forward]
    before = (a[a_at - backward : a_at] != b[b_at - backward : b_at])[::-1]
    return (
        b_at - (int(before.argmax()) if before.any() else backward),
        b_at + (int(after.argmax()) if after.any() else forward),
    )


def whole_sentences(text: str, start: int, stop: int) -> tuple[int, int]:
    """The stretch without the sentences that lie only partly in it."""
    while start and start < stop and text[start - 1] not in _ENDS:
        start += 1
    while stop < len(text) and stop > start and text[stop - 1] not in _ENDS:
        stop -= 1
    return start, stop
