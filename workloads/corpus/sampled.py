"""The beginnings of an input's files, read as a run reads them, with how many bytes of the input that took. Without Ray.

Not for a fair choice of documents: see sample.py.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pyarrow as pa

from workloads.corpus.reading.piece import InputFile, Limits, Piece
from workloads.corpus.reading.plan import plan
from workloads.corpus.reading.read import read_piece
from workloads.corpus.reading.registry import FORMATS
from workloads.corpus.reading.source import Readable

T = TypeVar("T")

_FILES, _PLACES = 16, 4  # files looked at, and places in each that can be read in parts


@dataclass(frozen=True)
class Sampled:
    """Tables (columns READ); `raw_bytes` of the input that they are, `seconds` of a processor that reading them took."""

    tables: tuple[pa.Table, ...]
    raw_bytes: int
    seconds: float


class _Counted:
    """A stream that counts what is taken from it."""

    def __init__(self) -> None:
        self.bytes = 0
        self._raw: Readable | None = None

    def watch(self, raw: Readable) -> Readable:
        self._raw = raw
        return self

    def read(self, size: int = -1, /) -> bytes:
        assert self._raw is not None
        data = self._raw.read(size)
        self.bytes += len(data)
        return data


def read_sample(files: Sequence[InputFile], limits: Limits, budget: int) -> Sampled:
    """About `budget` bytes of tables, from files and places at equal distances. What can be read as a whole only is read whole."""
    pieces = _pieces(files, budget)
    for piece in pieces[:1]:
        next(read_piece(piece, limits))  # kernels are loaded now, which is not to count
    tables: list[pa.Table] = []
    raw, begin = 0, time.process_time()
    for piece in pieces:
        counted, size = _Counted(), 0
        for table in read_piece(piece, limits, counted.watch):
            tables.append(table)
            size += table.nbytes
            if size >= budget // len(pieces) and counted.bytes:
                raw += min(counted.bytes, piece.bytes)
                break
        else:
            raw += piece.bytes
    return Sampled(tuple(tables), raw, time.process_time() - begin)


def _pieces(files: Sequence[InputFile], budget: int) -> list[Piece]:
    """Each under a number of its own, as the rows of all must differ."""
    chosen = list(_spread(files, _FILES))
    found = [piece for file in chosen for piece in _spread(_cut(file, budget // len(chosen)), _PLACES)]
    return [replace(piece, index=number) for number, piece in enumerate(found)]


def _cut(file: InputFile, budget: int) -> list[Piece]:
    blocks = bool(file.archive) or FORMATS[file.format].splittable == "blocks"
    least = budget if blocks else max(budget, file.size // _PLACES)
    return [piece for task in plan([file], max(least, 1)) for piece in task]


def _spread(items: Sequence[T], most: int) -> Iterator[T]:
    count = min(len(items), most)
    yield from (items[at * len(items) // count] for at in range(count))
