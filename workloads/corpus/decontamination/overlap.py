"""The overlap report: per evaluation set, which of its items stand in the corpus, and where (overlap/)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster import storage
from cluster.storage import Location
from workloads.corpus.decontamination.hits import Decontaminator
from workloads.corpus.shuffle import collect, start
from workloads.corpus.tables import CLEAN, OVERLAP_FIELDS, to_table, where

_FOUND = pa.schema([*(CLEAN.field(name) for name in ("row", "id", "source")), *(pa.field(*each) for each in OVERLAP_FIELDS)])


@dataclass(frozen=True)
class Overlap:
    """One set. `searched`: items long enough to look for; `leaked`: items that a document quotes, `documents`: how many do;
    `sourced`: items of which a document holds as much without quoting them, such as the statute they ask about; `partly`: items
    of which less is held."""

    set_name: str
    items: int
    searched: int
    leaked: int
    documents: int
    sourced: int
    partly: int


@dataclass(frozen=True)
class Overlaps:
    """Every overlap, a document and an item a row, and the report by set."""

    table: pa.Table
    lines: tuple[Overlap, ...]


def find_overlap(blocks: Sequence[Any], decontaminator: Decontaminator) -> Overlaps:
    """Gather what the blocks hold of the items."""
    found = pa.concat_tables(collect([start(overlaps_of_block, block) for block in blocks]))
    found = found.take(pc.sort_indices(found, [("item", "ascending"), ("id", "ascending"), ("row", "ascending")]))
    names = pa.array([decontaminator.items[int(str(item))].name for item in found["item"].to_pylist()], pa.string())
    return Overlaps(found.drop_columns(["row"]).append_column("name", names), count_overlap(found, decontaminator))


def write_overlap(overlaps: Overlaps, folder: Location, there: Mapping[str, int]) -> None:
    """`there`: parts that the folder has already."""
    with storage.open_output(folder / f"overlap/part-{there.get('overlap', 0):05d}.parquet") as stream:
        pq.write_table(overlaps.table, stream, compression="zstd")


def overlaps_of_block(block: pa.Table) -> pa.Table:
    """Columns row, id, source, item, share, quoted."""
    rows = [
        (row["row"], row["id"], row["source"], hit["item"], hit["share"], hit["quoted"])
        for row in where(block, pc.list_value_length(block["overlaps"]).to_numpy() > 0).to_pylist()
        for hit in row["overlaps"]
    ]
    return to_table(rows, _FOUND)


def count_overlap(found: pa.Table, decontaminator: Decontaminator) -> tuple[Overlap, ...]:
    """By set, in the order of the recipe."""
    items, shares, quoted = (found[name].to_numpy() for name in ("item", "share", "quoted"))
    sets = [item.set_name for item in decontaminator.items]
    lines = []
    for name in dict.fromkeys(sets):
        members = np.array([its == name for its in sets])
        here = members[items] if len(items) else np.empty(0, bool)
        leaked = set(items[here & quoted].tolist())
        reached = set(items[here & (shares >= decontaminator.min_share)].tolist()) - leaked
        lines.append(
            Overlap(
                set_name=name,
                items=int(members.sum()),
                searched=int((decontaminator.index.totals[members] > 0).sum()),
                leaked=len(leaked),
                documents=len(set(found["row"].to_numpy()[here & quoted].tolist())),
                sourced=len(reached),
                partly=len(set(items[here].tolist()) - leaked - reached),
            )
        )
    return tuple(lines)
