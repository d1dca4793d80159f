"""Rules on n-grams of letters: one that is said over and over, or many that are said again.

On characters, since word-based measures score 0 on a repeated Chinese slogan. Punctuation and spaces are passed over.
"""

from typing import ClassVar

from workloads.text.rules.base import Rule
from workloads.text.rules.grams import most_frequent
from workloads.text.rules.measured import DUPLICATE_LENGTHS, Measured

_FEW_LETTERS = 100
TOP_LENGTHS = range(2, 5)


class TopNgram(Rule):
    """Share of the letters that the most frequent n-gram covers, without regard to overlaps; 0 where none comes twice, and
    below a hundred letters, since short verse plays with words."""

    length: ClassVar[int]
    at_least = False

    @classmethod
    def measure(cls, text: Measured) -> float:
        return cls._share(text, most_frequent(text.letters, cls.length))

    @classmethod
    def ceiling(cls, text: Measured) -> float:
        """A longer n-gram is no more frequent than the pair that it begins with."""
        return cls._share(text, text.most_frequent_pair)

    @classmethod
    def _share(cls, text: Measured, times: int) -> float:
        if times < 2 or len(text.letters) < _FEW_LETTERS:
            return 0.0
        return min(1.0, times * cls.length / len(text.letters))


class DuplicateNgram(Rule):
    """Share of the n-grams that occurred earlier in the text."""

    length: ClassVar[int]
    at_least = False

    @classmethod
    def measure(cls, text: Measured) -> float:
        return cls._share(text, text.repeated[cls.length])

    @classmethod
    def ceiling(cls, text: Measured) -> float:
        """A longer n-gram that is said again begins with a shorter one that is."""
        return cls._share(text, text.repeated_fives)

    @classmethod
    def _share(cls, text: Measured, repeated: int) -> float:
        return repeated / (len(text.letters) - cls.length + 1) if len(text.letters) >= cls.length else 0.0


def _top(n: int) -> type[TopNgram]:
    meaning = f"its most frequent {n} letters in a row cover more than {{:.0%}} of it"
    return type(f"Top{n}gram", (TopNgram,), {"name": f"top_{n}gram", "length": n, "meaning": meaning})


def _duplicate(n: int) -> type[DuplicateNgram]:
    meaning = f"more than {{:.0%}} of its {n} letters in a row were said before"
    return type(f"Duplicate{n}gram", (DuplicateNgram,), {"name": f"duplicate_{n}gram", "length": n, "meaning": meaning})


TOP_NGRAMS: tuple[type[Rule], ...] = tuple(_top(n) for n in TOP_LENGTHS)
DUPLICATE_NGRAMS: tuple[type[Rule], ...] = tuple(_duplicate(n) for n in DUPLICATE_LENGTHS)
