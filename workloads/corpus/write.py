"""The artifact's tables: documents and decisions in order of id, bad records in order of file and position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from cluster import storage
from cluster.storage import Location
from workloads.corpus.compliance import Findings
from workloads.corpus.dedup.fates import Survey, decide
from workloads.corpus.dedup.index import INDEX
from workloads.corpus.dedup.layout import Table
from workloads.corpus.shuffle import collect, columns, start, start_parts
from workloads.corpus.tables import DECISIONS, DOCUMENTS, LEXICON_HITS, QUARANTINE, in_order, is_empty, texts, to_table, where
from workloads.corpus.tally import Tally, tally_block
from workloads.text.personal.mask import shown

_LEAST_PART, _LARGEST_PART, _PARTS = 8 << 20, 256 << 20, 64  # bytes of text in a file of documents
_DECISIONS_PER_PART = 1_000_000
_BEGINNING = 80  # characters of a dropped document
_ROW_GROUP = 4096
_GIVE_UP_SECONDS = 60.0
_INDEXED = pa.schema([*DOCUMENTS, *(field for field in INDEX if field.name not in DOCUMENTS.names)])
_OF_BAD = ["file", "position", "problem", "text"]


def parts_for(characters: int) -> int:
    """Files that so many characters of documents are written into."""
    size = 3 * characters
    return -(-size // max(_LEAST_PART, min(_LARGEST_PART, size // _PARTS))) or 1


def decisions_for(read: int) -> int:
    """Files of decisions on so many documents."""
    return 1 + read // _DECISIONS_PER_PART


@dataclass(frozen=True)
class Wanted:
    """How the tables are to be cut: `kept` documents by the survey; lots below `heldout` are held out; so many `audits` of each
    kind of personal data; whether `hits` of a lexicon are a table."""

    kept: Survey
    heldout: int
    audits: int
    hits: bool

    @property
    def documents(self) -> int:
        """Files of documents, decided by the data alone."""
        return parts_for(self.kept.characters)

    @property
    def decisions(self) -> int:
        return decisions_for(self.kept.read)

    def places(self) -> dict[str, range]:
        """Where in the list of a block's pieces those of a table stand."""
        sizes = {"documents": self.documents, "decisions": self.decisions, "quarantine": 1}
        sizes |= {"lexicon_hits": self.decisions} if self.hits else {}
        ends = list(accumulate(sizes.values()))
        return {name: range(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


def write_all(blocks: list[Any], fates: Sequence[Any], wanted: Wanted, folder: Location, there: Mapping[str, int]) -> Tally:
    """Write `documents/`, `index/` (row by row beside them), `decisions/`, `quarantine/` and, where wanted, `lexicon_hits/` below
    `folder`; answers the counts over all. Every block is read once. Empties `blocks`, so that what has been cut into pieces
    takes no room any more. `there`: how many parts of each are in the folder already."""
    places = wanted.places()
    count = 1 + sum(map(len, places.values()))
    cut = [start_parts(pieces_of_block, count, *each, wanted) for each in zip(blocks, fates, strict=True)]
    blocks.clear()
    tallies, pieces = [each.pop() for each in cut], columns(cut)
    del cut
    written = []
    for name, place in places.items():
        for number, at in enumerate(place, there.get(name, 0)):
            written.append(_start_writing(name, f"part-{number:05d}.parquet", folder, pieces[at]))
            pieces[at].clear()
    _finish(written)
    tally = Tally(findings=Findings(wanted.audits))
    for each in collect(tallies):
        tally.add(each)
    return tally


def _start_writing(name: str, part: str, folder: Location, pieces: Sequence[Any]) -> Any:
    file = (folder / name / part).uri
    if name == "documents":
        return start(write_documents, file, (folder / "index" / part).uri, *pieces)
    return start(write_part, file, "file" if name == "quarantine" else "id", *pieces)


def _finish(written: Sequence[Any]) -> None:
    """Wait until all is written. Where one cannot be, the others end first: none may write into a folder that is given up."""
    try:
        for _ in collect(written):
            pass
    except BaseException:
        ray.wait(list(written), num_returns=len(written), timeout=_GIVE_UP_SECONDS, fetch_local=False)
        raise


def pieces_of_block(block: pa.Table, fates: Table, wanted: Wanted) -> list[Any]:
    """What goes into each file of each table, in the order of `wanted.places()`, then the tally."""
    decided, bad = decide(block, fates), where(block, ~is_empty(block, "problem"))
    pieces = documents_of(decided, wanted.documents, wanted.heldout) + decisions_of(decided, wanted.decisions)
    pieces.append(bad.select(_OF_BAD).rename_columns(QUARANTINE.names).cast(QUARANTINE))
    if wanted.hits:
        pieces += hits_of(decided, wanted.decisions)
    return [*pieces, tally_block(decided, bad, wanted.heldout, wanted.audits)]


def write_part(uri: str, first: str, *pieces: pa.Table) -> int:
    """One sorted Parquet file; answers its rows. Writing it again gives the same file."""
    table = pa.concat_tables(pieces)
    keys = [key for key in (first, "file", "position", "start", "category", "word") if key in table.schema.names]
    table = in_order(table, *((key, "ascending") for key in dict.fromkeys(keys)))
    write_table(storage.locate(uri), table)
    return int(table.num_rows)


def write_documents(uri: str, index_uri: str, *pieces: pa.Table) -> int:
    """Two sorted Parquet files, of documents and of the index to them, row by row; answers their rows."""
    table = in_order(pa.concat_tables(pieces), ("id", "ascending"))
    write_table(storage.locate(uri), table.select(DOCUMENTS.names))
    write_table(storage.locate(index_uri), table.select(INDEX.names))
    return int(table.num_rows)


def write_table(file: Location, table: pa.Table) -> None:
    with storage.open_output(file) as stream:
        write_stream(stream, table)


def write_stream(stream: Any, table: pa.Table) -> None:
    pq.write_table(table, stream, compression="zstd", row_group_size=_ROW_GROUP)


def documents_of(decided: pa.Table, parts: int, heldout: int) -> list[pa.Table]:
    """The documents that are kept, with what the index holds of them, cut by ranges of the id."""
    table = where(decided, decided["kept"].to_numpy())
    split = np.where(table["lot"].to_numpy() < heldout, "heldout", "train")
    table = table.append_column("split", pa.array(split, pa.string()))
    return _by_id(table.select(_INDEXED.names).cast(_INDEXED), parts)


def decisions_of(decided: pa.Table, parts: int) -> list[pa.Table]:
    kept = decided["kept"].to_numpy()
    beginnings = np.full(len(kept), "", dtype=object)
    beginnings[~kept] = [shown(text, _BEGINNING) for text in texts(where(decided, ~kept), "text")]
    table = decided.append_column("beginning", pa.array(beginnings, pa.string()))
    return _by_id(table.select(DECISIONS.names).cast(DECISIONS), parts)


def hits_of(decided: pa.Table, parts: int) -> list[pa.Table]:
    """One row per hit of the lexicon."""
    names = ["id", "source", "file", "position", "kept"]
    rows = [
        (*(row[name] for name in names), *hit.values())
        for row in decided.select([*names, "hits"]).to_pylist()
        for hit in row["hits"]
    ]
    return _by_id(to_table(rows, LEXICON_HITS), parts)


def _by_id(table: pa.Table, parts: int) -> list[pa.Table]:
    """Cut by ranges of the id, which is a hash: parts of about equal size, in order."""
    places = np.array([int(identity[:8], 16) * parts >> 32 for identity in texts(table, "id")], dtype=np.int64)
    return [where(table, places == part) for part in range(parts)]
