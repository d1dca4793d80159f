"""Short lines that recur over many documents of one source: counted exactly, by partitions of the lines' hashes.

Not for what is boilerplate everywhere: those are patterns (workloads/text/boilerplate.py).
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.corpus.shuffle import collect, scatter, start
from workloads.text.boilerplate import can_recur

Keys = NDArray[np.uint64]


def line_key(source: str, line: str) -> int:
    """64 bits for a line of a source; the empty line stands for the source itself."""
    return int.from_bytes(hashlib.blake2b(f"{source}\0{line}".encode(), digest_size=8).digest(), "little")


def find_recurring(blocks: Sequence[Any], share: float, least: int) -> frozenset[int]:
    """Keys of the lines that stand in at least `share` of the different documents of their source, and in `least`."""
    partitions = max(1, min(len(blocks), 64))
    parts = scatter(lines_of_block, blocks, partitions)
    return recurring_of(collect([start(count_lines, least, *part) for part in parts]), share)


def recurring_of(counts: Iterable[tuple[Keys, Keys, NDArray[np.int64]]], share: float) -> frozenset[int]:
    """Of counted lines (see `count_lines`) those in at least `share` of their source's documents."""
    merged: dict[int, int] = {}
    sources: dict[int, int] = {}  # key of the line -> key of its source
    for keys, owners, documents in counts:
        merged |= dict(zip(keys.tolist(), documents.tolist(), strict=True))
        sources |= dict(zip(keys.tolist(), owners.tolist(), strict=True))
    return frozenset(
        key for key, count in merged.items() if key != sources[key] and count >= share * merged.get(sources[key], 0)
    )


def lines_of_block(block: pa.Table, partitions: int) -> list[tuple[Keys, Keys, Keys]]:
    """Per partition: (line, source, document) keys of every line that could recur, once per document."""
    found: list[tuple[int, int, int]] = []
    for source, text, problem in zip(*(block.column(c).to_pylist() for c in ("source", "text", "problem")), strict=True):
        if problem:
            continue
        owner, document = line_key(source, ""), line_key("", text)
        lines = {line_key(source, line) for each in text.split("\n") if can_recur(line := each.strip())}
        found += [(key, owner, document) for key in lines | {owner}]
    table = np.array(found, dtype=np.uint64).reshape(-1, 3)
    where = table[:, 0] % np.uint64(partitions)
    return [tuple(table[where == part].T.copy()) for part in range(partitions)]


def count_lines(least: int, *parts: tuple[Keys, Keys, Keys]) -> tuple[Keys, Keys, NDArray[np.int64]]:
    """(line, source, number of different documents) of the lines that stand in at least `least` documents."""
    keys, owners, documents = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((documents, keys))
    keys, owners, documents = keys[order], owners[order], documents[order]
    fresh = np.ones(len(keys), bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (documents[1:] != documents[:-1])
    keys, owners = keys[fresh], owners[fresh]
    unique, first, counts = np.unique(keys, return_index=True, return_counts=True)
    often = counts >= least
    return unique[often], owners[first[often]], counts[often]
