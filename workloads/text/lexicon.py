"""The user's own word list, found in a text whatever its script, width and case. Not for what follows from a hit.

Needs `ahocorasick_rs` (an extra): on 8,000 documents it found the hits of 1,000 words at 124 MB/s, of 20,000 at 53;
pyahocorasick at 14 and 4 (one core, the same run).
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cluster.errors import DependencyError
from workloads.text.fold import simplify

_PLANES = 0x20000  # characters beyond are their own form


@dataclass(frozen=True, order=True)
class Hit:
    """Characters `start` to `stop` of a text are this word of this category."""

    start: int
    stop: int
    word: str
    category: str


@dataclass(frozen=True)
class Lexicon:
    """Words as (word, category), and exceptions: a word within one of those is no hit."""

    words: tuple[tuple[str, str], ...]
    exceptions: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A hash of the whole list: another list is another corpus."""
        lines = "\n".join(f"{word}\0{category}" for word, category in sorted(self.words))
        return hashlib.sha256(f"{lines}\n\0{chr(10).join(sorted(self.exceptions))}".encode()).hexdigest()[:20]

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted({category for _, category in self.words}))


def flatten(text: str) -> str:
    """The text with each character in its Simplified, half-width, lower-case form: one for one, so that places stay."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    table = _flat_forms()
    flat = np.where(codes < _PLANES, table[np.minimum(codes, _PLANES - 1)], codes)
    return flat.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


@lru_cache(maxsize=1)
def _flat_forms() -> NDArray[np.uint32]:
    table = np.arange(_PLANES, dtype=np.uint32)
    for code in range(_PLANES):
        if 0xD800 <= code < 0xE000:
            continue
        flat = unicodedata.normalize("NFKC", chr(code)).lower()
        if len(flat) == 1:
            table[code] = ord(flat)
    han = [code for code in range(0x3400, 0xA000) if table[code] == code]
    simple = simplify("\n".join(map(chr, han))).split("\n")  # apart, so that no conversion of whole words applies
    for code, form in zip(han, simple, strict=True):
        if len(form) == 1:
            table[code] = ord(form)
    return table


class LexiconSearch:
    """The automaton of a lexicon. Raises DependencyError where the extra is not installed."""

    def __init__(self, lexicon: Lexicon) -> None:
        try:
            from ahocorasick_rs import AhoCorasick
        except ImportError as error:
            raise DependencyError("a lexicon needs the package ahocorasick-rs", "", "pip install 'hanlin[lexicon]'") from error

        self._meaning: dict[str, list[tuple[str, str]]] = {}
        for word, category in sorted(set(lexicon.words)):
            self._meaning.setdefault(flatten(word), []).append((word, category))
        exceptions = {flatten(word) for word in lexicon.exceptions}
        self._patterns = sorted({*self._meaning, *exceptions} - {""})
        self._exceptions = exceptions
        self._automaton = AhoCorasick(self._patterns)

    def find(self, text: str) -> list[Hit]:
        """All hits in order; of words that overlap each counts, and each category of a word."""
        found = self._automaton.find_matches_as_indexes(flatten(text), overlapping=True)
        if not found:
            return []
        matches = [(self._patterns[index], start, stop) for index, start, stop in found]
        excused = [(start, stop) for pattern, start, stop in matches if pattern in self._exceptions]
        return sorted(
            Hit(start, stop, word, category)
            for pattern, start, stop in matches
            if not _is_within(start, stop, excused)
            for word, category in self._meaning.get(pattern, ())
        )


@lru_cache(maxsize=2)
def search_of(lexicon: Lexicon) -> LexiconSearch:
    """Made once in a process."""
    return LexiconSearch(lexicon)


def _is_within(start: int, stop: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(first <= start and stop <= last for first, last in spans)


def context_of(text: str, hit: Hit, around: int) -> str:
    """The hit with this many characters on either side, on one line."""
    return " ".join(text[max(0, hit.start - around) : hit.stop + around].split())


def read_words(data: str, name: str, category: str = "") -> list[tuple[str, str]]:
    """Lines `word` or `word,category` (a tab divides too); `#` begins a remark. Without a category the file's name is it."""
    words = []
    for line in data.replace("\ufeff", "").splitlines():
        if (line := line.strip()) and not line.startswith("#"):
            word, _, given = line.replace("\t", ",").partition(",")
            words.append((word.strip().strip('"'), given.strip().strip('"') or category or name))
    return [(word, given) for word, given in words if word]


def count_hits(hits: Sequence[Hit]) -> dict[str, int]:
    """Hits by category, in order of name."""
    counts: dict[str, int] = {}
    for hit in hits:
        counts[hit.category] = counts.get(hit.category, 0) + 1
    return dict(sorted(counts.items()))
