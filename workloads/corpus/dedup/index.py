"""The index of a corpus: what its kept documents are recognised by, row by row beside them, so that a later corpus can extend
this one and look at the new data only.

Old documents stay as they are and win over new copies. Which of them matter is told by a bitmap of the new documents' keys
(marks.py); the text of those alone is read, to compare it.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.artifacts import Artifact, open_artifact
from cluster.errors import InputError
from workloads.corpus.dedup.cards import CARD, HELDOUT, OLD, TRAIN, band_matrix, by_digest, set_digests
from workloads.corpus.dedup.layout import Layout, Rows, Table
from workloads.corpus.dedup.marks import Bits, marked
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.dedup.verify import Texts, texts_for_rooms
from workloads.corpus.tables import texts, where
from workloads.text.fold import fold

_FIELDS: list["pa.Field[Any]"] = [
    pa.field("id", pa.string()),
    pa.field("digest", pa.binary(16)),
    pa.field("bands", pa.binary()),
    pa.field("characters", pa.int32()),
    pa.field("split", pa.string()),
]
INDEX = pa.schema(_FIELDS)
_FOLDER, _DOCUMENTS = "index/", "documents/"
_PART_BITS = 32  # of a row number: the place in its part


@dataclass(frozen=True)
class Base:
    """A corpus to extend: its URI, and its parts of the index, each beside the part of documents of the same name."""

    uri: str
    parts: tuple[str, ...]

    @staticmethod
    def of(corpus: Artifact, spec: DuplicatesSpec) -> "Base":
        """Raises InputError where its documents were signed in another way, or have no index."""
        parts = tuple(entry.path for entry in corpus.entries(_FOLDER))
        theirs = corpus.manifest.spec.get("duplicates")
        signed = {name: theirs.get(name) if isinstance(theirs, dict) else None for name in ("bands", "rows")}
        if not parts or signed != {"bands": spec.bands, "rows": spec.rows}:
            raise InputError(
                f"{corpus} cannot be extended: its index has bands and rows {signed['bands']} x {signed['rows']}",
                f"{spec.bands} x {spec.rows}, as in `corpus.duplicates`",
                "set the same bands and rows, or build that corpus again",
            )
        return Base(corpus.uri, parts)


def describe_part(uri: str, path: str, number: int, room: int, layout: Layout, marks: Bits) -> list[object]:
    """What `cards.describe` gives of a block, of those documents of a part that share a key with new ones."""
    table = pq.read_table(pa.BufferReader(open_artifact(uri).read(path)), schema=INDEX)
    bands, has = band_matrix(table)
    halves = np.frombuffer(b"".join(cast(list[bytes], table["digest"].to_pylist())), "<u8").reshape(-1, 2)
    wanted = marked(marks, halves[:, 0])
    wanted[has] |= marked(marks, bands.ravel()).reshape(bands.shape).any(axis=1) if bands.size else False
    table = where(table, wanted)
    cards = np.zeros(table.num_rows, CARD)
    cards["row"] = OLD | np.uint64(number << _PART_BITS) | np.flatnonzero(wanted).astype(np.uint64)
    cards["room"], cards["characters"], cards["preference"] = room, table["characters"].to_numpy(), -np.inf
    cards["id"] = np.array(texts(table, "id"), "S20")
    cards["held"] = np.where(np.array(texts(table, "split")) == "heldout", HELDOUT, TRAIN)
    set_digests(cards, table)
    return [cards, *band_matrix(table), *by_digest(cards, layout)]


def folded_of_part(uri: str, path: str, cards: Table, *needed: Rows) -> list[Texts]:
    """What `verify.folded_of_block` gives of a block; the part is read where some document of it is needed."""
    return texts_for_rooms(cards, needed, lambda rows: _folded_rows(uri, path, rows))


def _folded_rows(uri: str, path: str, rows: Rows) -> list[str]:
    """Only the row groups that hold some of them are decoded."""
    places = (rows & np.uint64((1 << _PART_BITS) - 1)).astype(np.int64)
    file = pq.ParquetFile(pa.BufferReader(open_artifact(uri).read(_DOCUMENTS + path.removeprefix(_FOLDER))))
    edges = np.cumsum([0, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
    groups = np.searchsorted(edges, places, side="right") - 1
    found: list[str] = []
    for group in np.unique(groups).tolist():
        column = file.read_row_group(group, columns=["text"])["text"]
        found += [fold(str(text)) for text in column.take(places[groups == group] - edges[group]).to_pylist()]
    return found
