"""The clean documents: each genre writes its share, no text twice."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from workloads.corpus.demo.genres import GENRES
from workloads.corpus.demo.lore import Lore
from workloads.corpus.demo.world import World


@dataclass(frozen=True)
class Document:
    text: str
    source: str


def write_documents(world: World, count: int) -> Iterator[Document]:
    """`count` different documents, equal for equal worlds; a smaller count is a prefix of a larger one."""
    rng = random.Random(f"documents {world.seed}")
    lore = Lore(world)
    genres = [genre(lore) for genre in GENRES]
    shares = [genre.share for genre in genres]
    seen: set[str] = set()
    while len(seen) < count:
        genre = rng.choices(genres, shares)[0]
        text = genre.write(rng)
        if text not in seen:
            seen.add(text)
            yield Document(text, genre.source)
