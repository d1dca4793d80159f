"""A text with what several rules look at, each taken once and only when asked: kinds of characters, lines, letters."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workloads.text.kinds import HAN_KINDS, LETTER_KINDS, Codes, Counts, Kind, codes_of, count_kinds, kinds_of
from workloads.text.rules.grams import all_said_before, most_frequent, said_before

DUPLICATE_LENGTHS = range(5, 14)


class Measured:
    """One text under measurement."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def codes(self) -> Codes:
        """Its code points."""
        return codes_of(self.text)

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """The kind of each."""
        return kinds_of(self.codes)

    @cached_property
    def counts(self) -> Counts:
        """Characters by kind."""
        return count_kinds(self.kinds)

    def count(self, *kinds: int) -> int:
        """Characters of these kinds."""
        return int(self.counts[list(kinds)].sum())

    @cached_property
    def visible(self) -> int:
        """Characters that are not white space."""
        return len(self.codes) - self.count(Kind.SPACE, Kind.NEWLINE)

    @cached_property
    def han(self) -> int:
        """Han characters of either script."""
        return self.count(*HAN_KINDS)

    @cached_property
    def letters(self) -> Codes:
        """The letters and digits in order; punctuation, signs and white space are passed over."""
        return self.codes[_IS_LETTER[self.kinds]]

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank, without white space at either end."""
        return [stripped for line in self.text.split("\n") if (stripped := line.strip())]

    @cached_property
    def line_characters(self) -> int:
        """Characters of these lines."""
        return sum(map(len, self.lines))

    @cached_property
    def most_frequent_pair(self) -> int:
        """How often the most frequent two letters in a row occur."""
        return most_frequent(self.letters, 2)

    @cached_property
    def repeated_fives(self) -> int:
        """How many five letters in a row occurred earlier."""
        return said_before(self.letters, 5)

    @cached_property
    def repeated(self) -> dict[int, int]:
        """How many n letters in a row occurred earlier, by n from 5 to 13."""
        return all_said_before(self.letters, DUPLICATE_LENGTHS)

    def share(self, characters: int) -> float:
        """Of the visible characters; 0 for a blank text."""
        return characters / self.visible if self.visible else 0.0


_IS_LETTER = np.isin(np.arange(len(Kind)), LETTER_KINDS)
