"""What every genre is: a source name, a share of all documents, and a document from a random generator."""

import random
from abc import ABC, abstractmethod
from typing import ClassVar

from workloads.corpus.demo.lore import Lore


class Genre(ABC):
    """`share` is relative to the other genres; `write` draws only from `rng`, so that equal seeds give equal text."""

    source: ClassVar[str]
    share: ClassVar[float]

    def __init__(self, lore: Lore) -> None:
        self.lore = lore
        self.world = lore.world

    @abstractmethod
    def write(self, rng: random.Random) -> str:
        """One document: at least about 80 characters, no line breaks at the ends."""
