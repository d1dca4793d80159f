"""A text with what several rules look at: counts of its whole column, taken in one pass, and its lines, when asked."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

from workloads.text.kinds import HAN_KINDS, LETTER_KINDS, Counts, Kind
from workloads.text.learned import NOTHING_LEARNED, Models
from workloads.text.measure import LENGTHS, Statistics, measure


class Measured:
    """One text under measurement. `statistics`: those of the column in which it is the text number `place`."""

    def __init__(
        self, text: str, statistics: Statistics | None = None, place: int = 0, models: Models = NOTHING_LEARNED
    ) -> None:
        self.text = text
        self._models = models
        self._statistics = statistics or measure([text])
        self._place = place

    @cached_property
    def _fields(self) -> Counts:
        fields: Counts = self._statistics.counts[self._place]
        return fields

    def count(self, *kinds: int) -> int:
        """Characters of these kinds."""
        return int(self._fields[list(kinds)].sum())

    @cached_property
    def visible(self) -> int:
        """Characters that are not white space."""
        return len(self.text) - self.count(Kind.SPACE, Kind.NEWLINE)

    @cached_property
    def han(self) -> int:
        """Han characters of either script."""
        return self.count(*HAN_KINDS)

    @cached_property
    def letters(self) -> int:
        """Letters and digits; punctuation, signs and white space are passed over."""
        return self.count(*LETTER_KINDS)

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank, without white space at either end."""
        return [stripped for line in self.text.split("\n") if (stripped := line.strip())]

    @cached_property
    def line_characters(self) -> int:
        """Characters of these lines."""
        return sum(map(len, self.lines))

    @property
    def entropy(self) -> float:
        """Bits per visible character."""
        return float(self._statistics.entropy[self._place])

    @property
    def different(self) -> int:
        """Different ones among the first 1,000 visible characters."""
        return int(self._fields[len(Kind)])

    @property
    def repeats_lines(self) -> bool:
        """Whether a line stood before."""
        return bool(self._fields[len(Kind) + 1])

    @property
    def repeats_paragraphs(self) -> bool:
        """Whether lines between blank ones stood before."""
        return bool(self._fields[len(Kind) + 2])

    @property
    def most_dividers(self) -> int:
        """The most signs that can divide words in one line."""
        return int(self._fields[len(Kind) + 3])

    def most_frequent(self, length: int) -> int:
        """How often the most frequent n-gram of letters occurs, n from 2 to 13; 0 where there is none."""
        return int(self._statistics.most[self._place, self._statistics.lengths.index(length)])

    def said_before(self, length: int) -> int:
        """How many n-grams of letters occurred earlier in the text, n from 2 to 13."""
        return int(self._statistics.repeated[self._place, self._statistics.lengths.index(length)])

    @cached_property
    def quality(self) -> float:
        """The learned score; not a number where there is no model."""
        return self._models.quality.score(self.text) if self._models.quality else math.nan

    @cached_property
    def perplexity(self) -> float:
        """Bits per character after the reference text; not a number where there is no model."""
        return self._models.perplexity.score(self.text) if self._models.perplexity else math.nan

    def share(self, characters: int) -> float:
        """Of the visible characters; 0 for a blank text."""
        return characters / self.visible if self.visible else 0.0


def measure_all(texts: Sequence[str], models: Models = NOTHING_LEARNED, lengths: Sequence[int] = LENGTHS) -> Iterator[Measured]:
    """Each text with the statistics of the column; `lengths`: of the n-grams that the rules to come ask for."""
    statistics = measure(texts, lengths)
    return (Measured(text, statistics, place, models) for place, text in enumerate(texts))
