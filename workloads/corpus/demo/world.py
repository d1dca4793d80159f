"""The small world as facts: who lives where, with whom, doing what. One seed, one world; every genre speaks of the same one.

Not for wording: sayings.py turns these facts into questions, answers and statements.
"""

import dataclasses
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workloads.corpus.demo.lexicon.families import CHARACTERS, FAMILIES, FOODS, HOBBIES, PETS, SINGLES, Family
from workloads.corpus.demo.lexicon.places import PLACES, TOWN
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


@dataclass(frozen=True)
class _Member:
    name: str
    sex: str
    generation: str
    household: str
    age: int


def build_world(seed: int) -> World:
    """Deal homes, ages, trades, characters, tastes and friends to the families; the names are always the same."""
    rng = random.Random(f"world {seed}")
    families = _deal_ages(rng)
    households = list(dict.fromkeys(member.household for member in families))
    homes = _deal_homes(households, rng)
    pets = dict(zip(households, rng.sample(PETS, len(households)), strict=True))
    trades = _deal_trades(families, homes, rng)
    friends = _deal_friends(families, rng)
    deal = _Dealer(families, rng)
    characters, hobbies, foods = deal(CHARACTERS), deal(HOBBIES), deal(FOODS)
    wishes = deal(tuple(trade.name for trade in TRADES))
    kin = {name: roles for family in FAMILIES for name, roles in _kin(family, families).items()}
    people = [
        Person(
            name=member.name,
            sex=member.sex,
            generation=member.generation,
            household=member.household,
            home=homes[member.household],
            age=member.age,
            trade=trades[member.name],
            character=characters[member.name][0],
            shown=characters[member.name][1],
            hobby=hobbies[member.name],
            food=foods[member.name],
            pet=pets[member.household],
            friend=friends[member.name],
            wish=wishes[member.name] if member.generation == "child" else "",
            kin=kin.get(member.name, ()),
        )
        for member in families
    ]
    return World(seed, tuple(people))


class _Dealer:
    """Deals values to all members evenly: every value is used before one is used again."""

    def __init__(self, members: Sequence[_Member], rng: random.Random) -> None:
        self._names = [member.name for member in members]
        self._rng = rng

    def __call__[Value](self, values: Sequence[Value]) -> dict[str, Value]:
        pile: list[Value] = []
        while len(pile) < len(self._names):
            pile += self._rng.sample(list(values), len(values))
        return dict(zip(self._names, pile, strict=False))
