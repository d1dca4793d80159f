"""What a part of the user's input costs in every step of the corpus stage: seconds of a processor, and bytes by kind.

The stage's own functions are called one after the other on one block and one partition, in this process and without a Ray
session. Nothing is written. What that means for the whole input: estimate.py.
"""

import io
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc

from workloads.corpus import tables
from workloads.corpus.blocks import heads_of
from workloads.corpus.clean import Cleaning, clean_table
from workloads.corpus.dedup.candidates import keys_of_block, pairs_of_buckets, pairs_of_room
from workloads.corpus.dedup.cards import Policy, describe
from workloads.corpus.dedup.clusters import fates_of_room, members_of_partition, resolve_equal, settle_groups
from workloads.corpus.dedup.components import labels_of_edges
from workloads.corpus.dedup.exact import group_equal
from workloads.corpus.dedup.fates import decide
from workloads.corpus.dedup.index import INDEX as INDEX_SCHEMA
from workloads.corpus.dedup.layout import Layout, Table
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.dedup.verify import folded_of_block, links_of_room
from workloads.corpus.estimate import BLOCKS, CANDIDATES, DECISIONS, DIGESTS, DOCUMENTS, INDEX, KEYS, LINES, LINKS, TEXTS, Costs
from workloads.corpus.recurring import count_lines, lines_of_block, recurring_of
from workloads.corpus.sampled import Sampled
from workloads.corpus.tables import in_order, is_empty, undropped, where
from workloads.corpus.write import decisions_of, documents_of, write_stream

_HERE = Layout(1, 1, 1)
_WARMING = 50  # documents on which everything is done once before it counts: kernels are loaded then


@dataclass
class _Measured:
    seconds: dict[str, float] = field(default_factory=dict)
    exchanged: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begin = time.process_time()
        yield
        self.seconds[name] = time.process_time() - begin


def measure(sampled: Sampled, cleaning: Cleaning) -> Costs:
    """Of at least one document that can be read."""
    block = pa.concat_tables(sampled.tables).combine_chunks()
    _costs(block.slice(0, _WARMING), replace(sampled, seconds=0.0), cleaning)
    return _costs(block, sampled, cleaning)


def _costs(block: pa.Table, sampled: Sampled, cleaning: Cleaning) -> Costs:
    measured = _Measured({"reading": sampled.seconds})
    spec = cleaning.spec
    if spec.remove_boilerplate:
        with measured.step("counting lines"):
            lines = lines_of_block(block, 1)
            recurring = recurring_of([count_lines(spec.recurring_documents, *lines)], spec.recurring_share)
        cleaning = replace(cleaning, recurring=recurring)
        measured.exchanged[LINES] = _bytes(lines)
    before = psutil.Process().memory_info().rss
    with measured.step("cleaning"):
        cleaned = clean_table(block, cleaning)
        heads = heads_of(cleaned)
    held = max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
    with measured.step("finding duplicates"):
        fates, compared = _duplicates(cleaned, heads, spec.duplicates, measured)
    with measured.step("writing"):
        written = _write(cleaned, fates, measured)
    left, final = undropped(cleaned), decide(cleaned, fates)
    stays = where(final, final["kept"].to_numpy())
    return Costs(
        raw_bytes=sampled.raw_bytes,
        documents=int((is_empty(block, "problem")).sum()),
        undropped=left.num_rows,
        kept=stays.num_rows,
        text_bytes=_text_bytes(where(block, is_empty(block, "problem"))),
        undropped_bytes=_text_bytes(left),
        kept_bytes=_text_bytes(stays),
        kept_characters=int(stays["characters"].to_numpy().sum()),
        seconds=measured.seconds,
        exchanged=measured.exchanged,
        blocks={"read": block.nbytes, "cleaned": cleaned.nbytes + heads.nbytes},
        written=written,
        compared_share=compared,
        memory_factor=held / max(block.nbytes, 1),
    )


def _text_bytes(table: pa.Table) -> int:
    return int(pc.sum(pc.binary_length(table["text"])).as_py() or 0)


def _bytes(tables: Sequence[Any]) -> int:
    """Of arrays and tables, however nested."""
    return sum(each.nbytes if hasattr(each, "nbytes") else _bytes(each) for each in tables)


def _duplicates(block: pa.Table, heads: pa.Table, spec: DuplicatesSpec, measured: _Measured) -> tuple[Table, float]:
    """The fates, and the share of documents that have another to be compared with."""
    exchanged = measured.exchanged
    described: list[Any] = describe(heads, 0, Policy(spec.keep, spec.sources), _HERE)
    cards, bands, has, *of_digest = described
    exchanged[BLOCKS] = _bytes([cards, bands, has])
    exact, by_winner = group_equal(_HERE, *of_digest)
    exchanged[DIGESTS] = _bytes([*of_digest, exact, by_winner])
    if not spec.near:
        return fates_of_room(*resolve_equal(_HERE, 1, by_winner)), 0.0
    keys = keys_of_block(_HERE, cards, bands, has, exact)
    exchanged[KEYS] = _bytes(keys)
    pairs = pairs_of_buckets(_HERE, *keys)
    of_room: list[Any] = pairs_of_room(_HERE, 0, *pairs)
    found, needed = of_room
    exchanged[CANDIDATES] = _bytes([*pairs, found, needed])
    folded = folded_of_block(block, cards, needed)
    exchanged[TEXTS] = _bytes(folded)
    nodes, near, aside = links_of_room(_HERE, spec.threshold, spec.split_threshold, found, *folded)
    members = members_of_partition(_HERE, 1, labels_of_edges(near), labels_of_edges(aside), by_winner, nodes)
    settled, moved = settle_groups(_HERE, *members)
    exchanged[LINKS] = _bytes([nodes, near, aside, *members, settled, moved])
    resolved = resolve_equal(_HERE, 1, by_winner, moved)
    return fates_of_room(*resolved, settled), len(needed) / max(len(cards), 1)


def _write(block: pa.Table, fates: Table, measured: _Measured) -> Mapping[str, int]:
    """Bytes of the files, by folder."""
    decided = decide(block, fates)
    (indexed,), (decisions,) = documents_of(decided, 1, 0), decisions_of(decided, 1)
    measured.exchanged[DOCUMENTS] = indexed.select(tables.DOCUMENTS.names).nbytes
    measured.exchanged[INDEX] = indexed.nbytes - measured.exchanged[DOCUMENTS]
    measured.exchanged[DECISIONS] = decisions.nbytes
    indexed = in_order(indexed, ("id", "ascending"))
    return {
        "documents": _size(indexed.select(tables.DOCUMENTS.names)),
        "index": _size(indexed.select(INDEX_SCHEMA.names)),
        "decisions": _size(in_order(decisions, ("id", "ascending"))),
    }


def _size(table: pa.Table) -> int:
    """Bytes of its file."""
    file = io.BytesIO()
    write_stream(file, table)
    return file.tell()


def documents_in(sampled: Sampled) -> int:
    return sum(int(np.count_nonzero(is_empty(table, "problem"))) for table in sampled.tables)
