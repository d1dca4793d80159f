"""The forms in which one fact is asked, answered and told. {who} is the subject: a name, 我, 你, 他 or 她.

Every genre takes its facts from here, so that no two documents contradict each other.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One fact of the world. Statements end with 。; `about` is the person or thing it belongs to."""

    about: str
    topic: str
    asks: tuple[str, ...]
    answers: tuple[str, ...]
    tells: tuple[str, ...]

    def ask(self, rng: random.Random, who: str = "") -> str:
        return rng.choice(self.asks).replace("{who}", who or self.about)

    def answer(self, rng: random.Random, who: str = "") -> str:
        return rng.choice(self.answers).replace("{who}", who or self.about)

    def tell(self, rng: random.Random, who: str = "") -> str:
        return rng.choice(self.tells).replace("{who}", who or self.about)

    def clause(self, rng: random.Random) -> str:
        """A statement without its subject and full stop, to follow another about the same subject; "" if none can."""
        open_ones = [tell for tell in self.tells if tell.startswith("{who}") and not tell.startswith(("{who}的", "{who}家"))]
        return rng.choice(open_ones).removeprefix("{who}").rstrip("。") if open_ones else ""


def forms(text: str) -> tuple[str, ...]:
    """Several forms written in one string, separated by |."""
    return tuple(text.split("|"))
