"""The small world as facts: who lives where, with whom, doing what. One seed, one world; every genre speaks of the same one.

Not for wording: sayings.py turns these facts into questions, answers and statements.
"""

import dataclasses
import json
from dataclasses import dataclass, field

from workloads.corpus.demo.lexicon.places import PLACES
from workloads.corpus.demo.lexicon.trades import STUDENT, TRADES, Trade

_TRADES_BY_NAME = {trade.name: trade for trade in (*TRADES, STUDENT)}


@dataclass(frozen=True)
class Person:
    """`kin` holds (role as this person says it, name): 爸爸, 妹妹, 儿子 ...; each role occurs once."""

    name: str
    sex: str
    generation: str  # elder | parent | single | child
    household: str
    home: str
    age: int
    trade: str
    character: str
    shown: str
    hobby: str
    food: str
    pet: str
    friend: str
    wish: str
    kin: tuple[tuple[str, str], ...] = field(default=())

    @property
    def pronoun(self) -> str:
        return "她" if self.sex == "女" else "他"

    @property
    def is_child(self) -> bool:
        return self.generation == "child"

    @property
    def craft(self) -> Trade:
        return _TRADES_BY_NAME[self.trade]


@dataclass(frozen=True)
class World:
    seed: int
    people: tuple[Person, ...]

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)

    @property
    def children(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.is_child)

    @property
    def adults(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people if not person.is_child)

    def at(self, home: str) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.home == home)

    def workers(self, trade: str) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.trade == trade)

    def to_json(self) -> str:
        facts = {
            "seed": self.seed,
            "people": [dataclasses.asdict(person) for person in self.people],
            "places": [dataclasses.asdict(place) for place in PLACES],
            "trades": [dataclasses.asdict(trade) for trade in TRADES],
        }
        return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"
