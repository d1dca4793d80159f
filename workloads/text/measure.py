"""The numbers that rules look at, of every text of a column at once. Not for deciding anything (see rules/)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes, Offsets
from workloads.text.kinds import LETTER_KINDS, Kind, kind_table

Shares = NDArray[np.float64]

LENGTHS = range(2, 14)
"""Of the n-grams that are counted."""

WINDOW = 1000
"""Visible characters from the beginning, of which the different ones are counted: their share falls with length."""

ENTROPY_SAMPLE = 5000
"""Characters from the beginning, of which the entropy is taken."""

DIVIDERS = "、| /"
"""Signs that can stand between keywords."""


@dataclass(frozen=True)
class Statistics:
    """Counts of a column of texts, each taken in one pass when it is first asked for. `lengths`: of the n-grams."""

    codes: Codes
    lengths: tuple[int, ...] = tuple(LENGTHS)

    @cached_property
    def counts(self) -> Offsets:
        """[texts, fields of kernels/statistics.py]."""
        from workloads.text.kernels.statistics import count

        return count(self.codes.points, self.codes.offsets, whole_kind_table())

    @cached_property
    def entropy(self) -> Shares:
        """Bits per visible character of the first 5,000 characters. Prose has more than 4 from 20 characters on; laughter,
        rulers and padding have less than 3."""
        from workloads.text.kernels.statistics import entropies

        return entropies(self.codes.points, self.codes.offsets, whole_kind_table())

    @property
    def repeated(self) -> Offsets:
        """n-grams of letters that occurred in the text before, [texts, lengths]."""
        return self._grams[0]

    @property
    def most(self) -> Offsets:
        """How often the most frequent n-gram of letters occurs, [texts, lengths]."""
        return self._grams[1]

    @cached_property
    def _grams(self) -> tuple[Offsets, Offsets, Offsets]:
        from workloads.text.kernels.shingles import count_repeated

        return count_repeated(self.codes.points, self.codes.offsets, letter_table(), np.array(self.lengths, np.int64))


def measure(texts: Sequence[str] | Codes, lengths: Sequence[int] = LENGTHS) -> Statistics:
    """The statistics of a column; `lengths` ascends."""
    return Statistics(texts if isinstance(texts, Codes) else Codes.of(texts), tuple(lengths))


@cache
def whole_kind_table() -> NDArray[np.uint8]:
    """The kind of every code point."""
    table = kind_table()
    return np.concatenate([table, np.full(0x110000 - len(table), Kind.SIGN, np.uint8)])


@cache
def letter_table() -> NDArray[np.bool_]:
    """Which code points are letters or digits."""
    letters: NDArray[Any] = np.isin(whole_kind_table(), LETTER_KINDS)
    return letters
