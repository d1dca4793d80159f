"""What of a document is given to the encoder: pieces that are spread evenly over it."""

from typing import Any

import numpy as np
import pyarrow as pa

from workloads.corpus.dedup.cards import CARD, Policy, cards_of
from workloads.corpus.dedup.fates import decide
from workloads.corpus.dedup.layout import Table, divide
from workloads.corpus.semantic.spec import SemanticSpec
from workloads.corpus.tables import texts, where

ENTRY = np.dtype([*CARD.descr, ("size", "<u4")])
"""A document that no other of equal or similar text has displaced; `size`: copies of it, itself included."""

Pieces = tuple[Table, "pa.Array[Any]"]  # entries, and for each its pieces


def pieces_of(text: str, characters: int, most: int) -> list[str]:
    """At most so many stretches, none of which overlap; the first begins with the text and the last ends with it."""
    count = min(most, -(-len(text) // characters))
    if count <= 1:
        return [text[:characters]]
    starts = [round(place * (len(text) - characters) / (count - 1)) for place in range(count)]
    return [text[start : start + characters] for start in starts]


def pieces_of_block(
    parts: int, room: int, policy: Policy, spec: SemanticSpec, block: pa.Table, heads: pa.Table, fates: Table
) -> list[Pieces]:
    """The block's documents that are kept so far, by partitions of their ids."""
    table = decide(heads.append_column("text", block["text"]), fates)
    table = where(table, table["kept"].to_numpy())
    entries = np.zeros(table.num_rows, ENTRY)
    cards = cards_of(table, room, policy)
    for name in CARD.names or ():
        entries[name] = cards[name]
    entries["size"] = table["cluster_size"].to_numpy()
    pieces = [pieces_of(text, spec.characters, spec.pieces) for text in texts(table, "text")]
    array = pa.array(pieces, pa.list_(pa.large_string()))
    places = np.array([int(identity[:8], 16) % parts for identity in texts(table, "id")], np.int64)
    numbered = np.zeros(len(entries), [("at", "<i8")])
    numbered["at"] = np.arange(len(entries))
    return [(entries[each["at"]], array.take(each["at"])) for each in divide(numbered, places, parts)]
