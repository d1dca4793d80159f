"""What deduplication knows of a document without its text: a card of fixed width, and the keys of its bands."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workloads.corpus.dedup.layout import Layout, Rows, Table
from workloads.corpus.dedup.spec import Keep
from workloads.corpus.tables import texts, undropped

OLD = np.uint64(1 << 63)
"""Set in the row number of a document of the corpus that this one extends; new row numbers stay below."""

FREE, TRAIN, HELDOUT = 0, 1, 2
"""`held`: a new document's side is still to be drawn, an old one's stands."""

CARD = np.dtype(
    [
        ("row", "<u8"),
        ("room", "<u4"),
        ("first", "<u8"),  # the two halves of the folded text's digest
        ("second", "<u8"),
        ("preference", "<f8"),  # smaller stays
        ("characters", "<u4"),
        ("traditional", "<u4"),
        ("held", "u1"),
        ("id", "S20"),
    ]
)


@dataclass(frozen=True)
class Policy:
    """Which of several copies stays."""

    keep: Keep = "longest"
    sources: tuple[str, ...] = ()

    def preference(self, table: pa.Table) -> NDArray[np.float64]:
        """Smaller is better; the same for all where only the length counts. What has no date or score comes last."""
        if self.keep == "preferred_source":
            places = {source: float(place) for place, source in enumerate(self.sources)}
            return np.array([places.get(source, float(len(places))) for source in texts(table, "source")], np.float64)
        if self.keep == "longest":
            return np.zeros(table.num_rows)
        values = table["date" if self.keep == "newest" else "score"].to_numpy()
        return np.where(np.isnan(values), np.inf, -values)


def by_preference(cards: Table) -> NDArray[np.intp]:
    """The order in which documents are kept: preferred, longer, less Traditional, then by id and place."""
    lengths = -cards["characters"].astype(np.int64)
    return np.lexsort((cards["row"], cards["id"], cards["traditional"], lengths, cards["preference"]))


def describe(heads: pa.Table, room: int, policy: Policy, layout: Layout) -> list[object]:
    """(cards, keys of their bands [documents, bands], which have such keys) of the documents that no rule has dropped,
    then the cards by partitions of their digests."""
    table = undropped(heads)
    cards = cards_of(table, room, policy)
    set_digests(cards, table)
    return [cards, *band_matrix(table), *by_digest(cards, layout)]


def cards_of(table: pa.Table, room: int, policy: Policy) -> Table:
    """The cards of all the table's documents, still without digests."""
    cards = np.zeros(table.num_rows, CARD)
    cards["row"], cards["room"], cards["characters"] = table["row"].to_numpy(), room, table["characters"].to_numpy()
    cards["id"] = np.array(texts(table, "id"), "S20")
    cards["preference"] = policy.preference(table)
    cards["traditional"] = table["traditional"].to_numpy()
    return cards


def set_digests(cards: Table, table: pa.Table) -> None:
    halves = np.frombuffer(b"".join(cast(list[bytes], table["digest"].to_pylist())), "<u8").reshape(-1, 2)
    cards["first"], cards["second"] = halves[:, 0], halves[:, 1]


def band_matrix(table: pa.Table) -> tuple[Rows, NDArray[np.bool_]]:
    """(keys of the documents that have some, which have)."""
    has = pc.binary_length(table["bands"]).to_numpy() > 0
    keys = np.frombuffer(b"".join(cast(list[bytes], table["bands"].to_pylist())), "<u8")
    return keys.reshape(int(has.sum()), -1 if len(keys) else 0), has


def by_digest(cards: Table, layout: Layout) -> list[Table]:
    return layout.by_row(cards, "first")
