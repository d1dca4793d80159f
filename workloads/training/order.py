"""Which row comes when: a seeded block-wise permutation that is computed, never stored, and the ledger of what was read.

The whole state of the data is one integer, the position. Step s owns the positions [start(s), start(s+1)) of step_plan.py, with a
batch of one size [s*G, (s+1)*G); micro-batch m of it goes to participant m mod W, so any number of participants, also one that
changes between two steps, reads each row exactly once. Pure: no torch, no Ray, no files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from json import dumps, loads

import numpy as np
from numpy.typing import NDArray

from workloads.training.step_plan import StepPlan

Rows = NDArray[np.int64]
_Words = NDArray[np.uint64]

_LARGEST_BLOCK = 1 << 20
_BLOCKS_AT_ONCE = 2048  # 16 MiB of keys
_ROUNDS = (
    8  # of the Feistel network; four make a pseudo-random permutation of a large set (Luby, Rackoff 1988), small ones want more
)
_WORD = (1 << 64) - 1


@dataclass(frozen=True)
class RowOrder:
    """The endless order of `size` rows: epoch after epoch, each another permutation.

    An epoch visits blocks of `block` neighbouring rows in random order, and all rows of a block in random order before the
    next block, so that reads stay local on disk. Where `size` is no multiple, the last block is short; it too comes at a
    random place. The same (size, seed, block) gives the same order on every machine.

    Raises ValueError where there is no row or the block is not within [1, 2**20].
    """

    size: int
    seed: int
    block: int = 1024

    def __post_init__(self) -> None:
        if self.size < 1 or not 1 <= self.block <= _LARGEST_BLOCK:
            raise ValueError(f"{self.size} rows in blocks of {self.block}; at least 1 row, blocks of 1 to {_LARGEST_BLOCK}")

    def row(self, position: int) -> int:
        """The row at one position, counted from 0 over all epochs."""
        return int(self.rows(position, position + 1)[0])

    def rows(self, start: int, stop: int) -> Rows:
        """The rows at the positions [start, stop), which may span epochs: int64[stop - start]."""
        if not 0 <= start <= stop:
            raise ValueError(f"positions [{start}, {stop})")
        parts: list[Rows] = []
        while start < stop:
            epoch, within = divmod(start, self.size)
            end = min(self.size, within + stop - start)
            parts.extend(_Epoch.of(self, epoch).rows(within, end))
            start += end - within
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def digest(self, start: int, stop: int) -> int:
        """What `digest_rows` must give for the positions [start, stop)."""
        return digest_rows(np.arange(start, stop), self.rows(start, stop))


@dataclass(frozen=True)
class _Epoch:
    """One permutation. It has `full` whole blocks and, where `short` is not 0, one of `short` rows at slot `short_slot`;
    slot = place in the order of blocks."""

    block: int
    full: int
    short: int
    short_slot: int
    key: int

    @staticmethod
    def of(order: RowOrder, epoch: int) -> "_Epoch":
        key = _mix_int(_mix_int(order.seed & _WORD) + epoch)
        full, short = divmod(order.size, order.block)
        return _Epoch(order.block, full, short, _mix_int(key ^ 1) % (full + 1) if short else full, key)

    def rows(self, start: int, stop: int) -> Iterator[Rows]:
        """The rows at the places [start, stop) of this epoch, in pieces."""
        for first in range(self._slot(start), self._slot(stop - 1) + 1, _BLOCKS_AT_ONCE):
            last = min(first + _BLOCKS_AT_ONCE, self._slot(stop - 1) + 1)
            begin = self._begin(first)
            yield self._whole_slots(first, last)[max(start - begin, 0) : stop - begin]

    def _slot(self, place: int) -> int:
        if not self.short or place < self.short_slot * self.block:
            return place // self.block
        return self.short_slot + max(0, place - self.short_slot * self.block - self.short + self.block) // self.block

    def _begin(self, slot: int) -> int:
        return slot * self.block - (self.block - self.short if self.short and slot > self.short_slot else 0)

    def _whole_slots(self, first: int, last: int) -> Rows:
        """All rows of the slots [first, last)."""
        slots = np.arange(first, last, dtype=np.int64)
        if not self.short:
            return self._shuffled(slots)
        before, after = slots[slots < self.short_slot], slots[slots > self.short_slot] - 1
        middle = _shuffle(np.array([self.full]), self.block, self.short, self.key)
        parts = (self._shuffled(before), middle if len(before) + len(after) < len(slots) else middle[:0], self._shuffled(after))
        return np.concatenate(parts)

    def _shuffled(self, places: Rows) -> Rows:
        """The rows of the whole blocks that come at these places among the whole blocks."""
        return _shuffle(_permute(places, self.full, self.key), self.block, self.block, self.key)


def _shuffle(blocks: Rows, block: int, length: int, key: int) -> Rows:
    """The first `length` rows of each of these blocks, in random order within the block.

    Sorts hashes that carry the row's place in their low bits: no two are equal, so every sorting algorithm agrees.
    """
    if not len(blocks):
        return np.empty(0, np.int64)
    low = np.uint64((1 << max(1, (block - 1).bit_length())) - 1)
    places = np.arange(length, dtype=np.uint64)
    keys = _mix(_mix(blocks.astype(np.uint64) ^ np.uint64(key))[:, None] + places)
    keys = np.sort((keys & ~low) | places, axis=1) & low
    rows: Rows = (keys.astype(np.int64) + blocks[:, None] * block).reshape(-1)
    return rows


def _permute(values: Rows, size: int, key: int) -> Rows:
    """A permutation of range(size) applied to some of its members: a Feistel network over the next power of four, walked
    until the value is in range (Black and Rogaway 2002)."""
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    result = values.astype(np.uint64)
    todo = np.arange(len(values))
    keys = [np.uint64(_mix_int(key + turn)) for turn in range(_ROUNDS)]
    while len(todo):
        left, right = result[todo] >> shift, result[todo] & mask
        for turn_key in keys:
            left, right = right, left ^ (_mix(right + turn_key) & mask)
        result[todo] = (left << shift) | right
        todo = todo[result[todo] >= size]
    return result.astype(np.int64)


def _mix(words: _Words) -> _Words:
    """Every bit of a word changes every bit of the result: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    words = (words + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _mix_int(word: int) -> int:
    """The same for one word."""
    word = (word + 0x9E3779B97F4A7C15) & _WORD
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
    return word ^ (word >> 31)


def digest_rows(positions: Rows, rows: Rows) -> int:
    """A 64-bit sum over (position, row) pairs. Sums of several participants, added modulo 2**64, are the sum of all: so the
    participants can show what they really read, whoever read what."""
    words = _mix(_mix(positions.astype(np.uint64)) + rows.astype(np.uint64))
    return int(words.sum(dtype=np.uint64))


@dataclass(frozen=True)
class LedgerLine:
    """One committed step: it consumed the positions [start, stop) with this digest, on so many participants. `skipped`: why
    its update was left out; empty where it was not."""

    step: int
    start: int
    stop: int
    digest: str
    participants: int = 1
    skipped: str = ""

    @staticmethod
    def of(order: RowOrder, plan: StepPlan, step: int, participants: int = 1) -> "LedgerLine":
        """The line of a step as it must be."""
        start, stop = plan.positions(step)
        return LedgerLine(step, start, stop, f"{order.digest(start, stop):016x}", participants)

    def to_line(self) -> str:
        return dumps({key: value for key, value in asdict(self).items() if value != ""})

    @staticmethod
    def from_line(line: str) -> "LedgerLine":
        """Raises ValueError, KeyError or TypeError where the line is none."""
        return LedgerLine(**loads(line))


def tiles(lines: Iterable[LedgerLine], stop: int | None = None, order: RowOrder | None = None) -> bool:
    """Whether the committed ranges tile [0, stop) exactly; see `first_fault`."""
    return not first_fault(lines, stop, order)


def first_fault(lines: Iterable[LedgerLine], stop: int | None = None, order: RowOrder | None = None) -> str:
    """Empty where the ranges, whatever their order, cover every position of [0, stop) exactly once; else what is wrong first.

    `stop` None: the end of the last range. With an `order`, each digest must be that of the order's rows as well.
    """
    ranges = sorted((line.start, line.stop, line.step, line.digest) for line in lines)
    for start, end, step, digest in ranges:
        if start >= end:
            return f"step {step} is empty: [{start}, {end})"
        if order is not None and digest != f"{order.digest(start, end):016x}":
            return f"step {step} read other rows than the order has at [{start}, {end})"
    for (_, end, step, _), (start, _, following, _) in pairwise([(0, 0, -1, ""), *ranges]):
        if start > end:
            return f"gap: no step read [{end}, {start}), before step {following}"
        if start < end:
            return f"overlap: steps {step} and {following} both read [{start}, {end})"
    end = ranges[-1][1] if ranges else 0
    return "" if stop is None or stop == end else f"the ranges end at {end}, not at {stop}"
