"""A record of the raw text, and the three ways of planting noise: a copy beside its original, an edit in place, junk."""

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

CLEAN = "clean"


@dataclass(frozen=True)
class Record:
    """`origin`: for a copy, the number of its original among the clean documents, else -1.

    `planted`: what was put into the text and must not be found in it afterwards. `good`: characters of the text without it.
    `line`: where it is not None, the bytes of the whole line, for a record that is no valid JSON.
    """

    text: str
    source: str
    kind: str = CLEAN
    origin: int = -1
    planted: tuple[str, ...] = field(default=())
    good: int = 0
    line: bytes | None = None


class Noise(ABC):
    """`share`: planted records per clean document."""

    kind: ClassVar[str]
    share: ClassVar[float]


class Copy(Noise):
    """Another record with the text of a clean document, or nearly; exactly one of both should be kept."""

    @abstractmethod
    def copy(self, text: str, rng: random.Random) -> str:
        """The copy's text."""


class Edit(Noise):
    """A clean document with something in it that should be taken out while the document stays."""

    @abstractmethod
    def edit(self, text: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
        """The spoilt text and what was put in."""


class Junk(Noise):
    """A record that should not be kept. `spare` is a sound document that stands nowhere else, to be spoilt."""

    source: ClassVar[str] = "网页"

    @abstractmethod
    def make(self, spare: str, rng: random.Random) -> Record:
        """The record."""
