"""Short lines that recur over many documents of one source: counted exactly, by partitions of the lines' hashes.

Not for what is boilerplate everywhere: those are patterns (workloads/text/boilerplate.py).
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.corpus.shuffle import collect, scatter, start
from workloads.corpus.tables import is_empty, texts, where
from workloads.text.boilerplate import MAX_LINE
from workloads.text.codes import Codes
from workloads.text.lines import line_key as key_of_line
from workloads.text.lines import short_lines, text_keys

Keys = NDArray[np.uint64]


@lru_cache(1 << 12)
def seed_of(source: str) -> int:
    """What keeps the lines of a source apart from equal ones of others."""
    return int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest(), "little")


def line_key(source: str, line: str) -> int:
    """64 bits for a line of a source; the empty line stands for the source itself."""
    return key_of_line(seed_of(source), line)


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
    """Per partition: (line, source, document) keys of every short line, each at least once per document. Whether a line may
    be taken for boilerplate at all is asked where it is removed."""
    table = where(block, is_empty(block, "problem"))
    sources, codes = texts(table, "source"), Codes.of(texts(table, "text"))
    lines = short_lines(codes, np.array(list(map(seed_of, sources)), np.uint64), MAX_LINE)
    owners = np.array([line_key(source, "") for source in sources], np.uint64)
    documents = text_keys(codes)
    long = lines.stops - lines.starts > 1
    of_line = lines.texts[long]
    found = np.stack(
        [
            np.concatenate([lines.keys[long], owners]),
            np.concatenate([owners[of_line], owners]),
            np.concatenate([documents[of_line], documents]),
        ]
    )
    places = found[0] % np.uint64(partitions)
    return [(part[0], part[1], part[2]) for part in (found[:, places == number] for number in range(partitions))]


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
