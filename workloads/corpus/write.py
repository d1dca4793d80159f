"""The artifact's tables: documents and decisions in order of id, bad records in order of file and position."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from cluster import storage
from cluster.storage import Location
from workloads.corpus.dedup.fates import Survey, decide
from workloads.corpus.dedup.index import INDEX
from workloads.corpus.dedup.layout import Table
from workloads.corpus.shuffle import collect, columns, start, start_parts
from workloads.corpus.tables import DECISIONS, DOCUMENTS, LEXICON_HITS, QUARANTINE, in_order, is_empty, texts, to_table, where
from workloads.text.personal.mask import shown

_LEAST_PART, _LARGEST_PART, _PARTS = 8 << 20, 256 << 20, 64  # bytes of text in a file of documents
_DECISIONS_PER_PART = 1_000_000
_BEGINNING = 80  # characters of a dropped document
_ROW_GROUP = 4096
_GIVE_UP_SECONDS = 60.0


def parts_for(characters: int) -> int:
    """Files that so many characters of documents are written into."""
    size = 3 * characters
    return -(-size // max(_LEAST_PART, min(_LARGEST_PART, size // _PARTS))) or 1


def decisions_for(read: int) -> int:
    """Files of decisions on so many documents."""
    return 1 + read // _DECISIONS_PER_PART


def write_all(
    blocks: Sequence[Any],
    fates: Sequence[Any],
    kept: Survey,
    heldout: int,
    read: int,
    folder: Location,
    there: Mapping[str, int],
) -> None:
    """Write `documents/`, `index/` (row by row beside them), `decisions/` and `quarantine/` below `folder`. How many files is
    decided by the data alone. `there`: how many parts of each are in the folder already."""
    parts = parts_for(kept.characters)
    decided = list(zip(blocks, fates, strict=True))
    several = decisions_for(read)

    def write(name: str, parts: int, divide: Any, *arguments: Any, first: str = "id") -> list[Any]:
        return _write(decided, folder / name, range(there.get(name, 0), there.get(name, 0) + parts), divide, first, *arguments)

    written = write("documents", parts, documents_of_block, heldout) + write("index", parts, index_of_block, heldout)
    written += write("decisions", several, decisions_of_block) + write("quarantine", 1, bad_records_of_block, first="file")
    _finish(written)


def write_hits(blocks: Sequence[Any], fates: Sequence[Any], read: int, folder: Location, there: Mapping[str, int]) -> None:
    """Write `lexicon_hits/`."""
    decided, first = list(zip(blocks, fates, strict=True)), there.get("lexicon_hits", 0)
    numbers = range(first, first + decisions_for(read))
    _finish(_write(decided, folder / "lexicon_hits", numbers, hits_of_block, "id"))


def _finish(written: Sequence[Any]) -> None:
    """Wait until all is written. Where one cannot be, the others end first: none may write into a folder that is given up."""
    try:
        for _ in collect(written):
            pass
    except BaseException:
        ray.wait(list(written), num_returns=len(written), timeout=_GIVE_UP_SECONDS, fetch_local=False)
        raise


def _write(
    decided: Sequence[tuple[Any, Any]], folder: Location, numbers: range, divide: Any, first: str, *arguments: Any
) -> list[Any]:
    """`decided`: blocks and their fates."""
    pieces = columns([start_parts(divide, len(numbers), len(numbers), *each, *arguments) for each in decided])
    names = [(folder / f"part-{number:05d}.parquet").uri for number in numbers]
    return [start(write_part, name, first, *piece) for name, piece in zip(names, pieces, strict=True)]


def write_part(uri: str, first: str, *pieces: pa.Table) -> int:
    """One sorted Parquet file; answers its rows. Writing it again gives the same file."""
    table = pa.concat_tables(pieces)
    keys = [key for key in (first, "file", "position", "start", "category", "word") if key in table.schema.names]
    table = in_order(table, *((key, "ascending") for key in dict.fromkeys(keys)))
    write_table(storage.locate(uri), table)
    return int(table.num_rows)


def write_table(file: Location, table: pa.Table) -> None:
    with storage.open_output(file) as stream:
        write_stream(stream, table)


def write_stream(stream: Any, table: pa.Table) -> None:
    pq.write_table(table, stream, compression="zstd", row_group_size=_ROW_GROUP)


def documents_of_block(parts: int, block: pa.Table, fates: Table, heldout: int) -> list[pa.Table]:
    return _by_id(_kept(block, fates, heldout).select(DOCUMENTS.names).cast(DOCUMENTS), parts)


def index_of_block(parts: int, block: pa.Table, fates: Table, heldout: int) -> list[pa.Table]:
    table = _kept(block.drop_columns(["text"]), fates, heldout)
    return _by_id(table.select(INDEX.names).cast(INDEX), parts)


def _kept(block: pa.Table, fates: Table, heldout: int) -> pa.Table:
    table = decide(block, fates)
    table = where(table, table["kept"].to_numpy())
    split = np.where(table["lot"].to_numpy() < heldout, "heldout", "train")
    return table.append_column("split", pa.array(split, pa.string()))


def decisions_of_block(parts: int, block: pa.Table, fates: Table) -> list[pa.Table]:
    table = decide(block, fates)
    beginnings = [
        "" if kept else shown(text, _BEGINNING)
        for text, kept in zip(texts(table, "text"), table["kept"].to_pylist(), strict=True)
    ]
    table = table.append_column("beginning", pa.array(beginnings, pa.string()))
    return _by_id(table.select(DECISIONS.names).cast(DECISIONS), parts)


def hits_of_block(parts: int, block: pa.Table, fates: Table) -> list[pa.Table]:
    """One row per hit of the lexicon."""
    names = ["id", "source", "file", "position", "kept"]
    rows = [
        (*(row[name] for name in names), *hit.values())
        for row in decide(block, fates).select([*names, "hits"]).to_pylist()
        for hit in row["hits"]
    ]
    return _by_id(to_table(rows, LEXICON_HITS), parts)


def bad_records_of_block(parts: int, block: pa.Table, _fates: Table) -> list[pa.Table]:
    table = where(block, ~is_empty(block, "problem")).select(["file", "position", "problem", "text"])
    return [table.rename_columns(QUARANTINE.names).cast(QUARANTINE)] * parts


def _by_id(table: pa.Table, parts: int) -> list[pa.Table]:
    """Cut by ranges of the id, which is a hash: parts of about equal size, in order."""
    places = np.array([int(identity[:8], 16) * parts >> 32 for identity in texts(table, "id")], dtype=np.int64)
    return [where(table, places == part) for part in range(parts)]
