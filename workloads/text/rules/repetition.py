"""Rules on n-grams of letters: one that is said over and over, or many that are said again.

On characters, since word-based measures score 0 on a repeated Chinese slogan. Punctuation and spaces are passed over.
"""

from collections.abc import Collection
from typing import ClassVar

from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured

_FEW_LETTERS = 100
TOP_LENGTHS = range(2, 5)
DUPLICATE_LENGTHS = range(5, 14)


class TopNgram(Rule):
    """Share of the letters that the most frequent n-gram covers, without regard to overlaps; 0 where none comes twice, and
    below a hundred letters, since short verse plays with words."""

    length: ClassVar[int]
    at_least = False

    @classmethod
    def measure(cls, text: Measured) -> float:
        times = text.most_frequent(cls.length)
        if times < 2 or text.letters < _FEW_LETTERS:
            return 0.0
        return min(1.0, times * cls.length / text.letters)


class DuplicateNgram(Rule):
    """Share of the n-grams that occurred earlier in the text."""

    length: ClassVar[int]
    at_least = False

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.said_before(cls.length) / (text.letters - cls.length + 1) if text.letters >= cls.length else 0.0


def _top(n: int) -> type[TopNgram]:
    meaning = f"its most frequent {n} letters in a row cover more than {{:.0%}} of it"
    return type(f"Top{n}gram", (TopNgram,), {"name": f"top_{n}gram", "length": n, "meaning": meaning})


def _duplicate(n: int) -> type[DuplicateNgram]:
    meaning = f"more than {{:.0%}} of its {n} letters in a row were said before"
    return type(f"Duplicate{n}gram", (DuplicateNgram,), {"name": f"duplicate_{n}gram", "length": n, "meaning": meaning})


TOP_NGRAMS: tuple[type[Rule], ...] = tuple(_top(n) for n in TOP_LENGTHS)
DUPLICATE_NGRAMS: tuple[type[Rule], ...] = tuple(_duplicate(n) for n in DUPLICATE_LENGTHS)


def lengths_of(names: Collection[str]) -> tuple[int, ...]:
    """Lengths of the n-grams that the rules of these names look at, ascending."""
    lengths = dict(
        zip((rule.name for rule in (*TOP_NGRAMS, *DUPLICATE_NGRAMS)), (*TOP_LENGTHS, *DUPLICATE_LENGTHS), strict=True)
    )
    return tuple(length for name, length in lengths.items() if name in names)
