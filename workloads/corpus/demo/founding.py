"""How the world of a seed comes to be: homes, ages, trades, tastes and friends are dealt to the families of the lexicon."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from workloads.corpus.demo.lexicon.families import CHARACTERS, FAMILIES, FOODS, HOBBIES, PETS, SINGLES, Family
from workloads.corpus.demo.lexicon.places import PLACES, TOWN
from workloads.corpus.demo.lexicon.trades import STUDENT, TRADES
from workloads.corpus.demo.world import Person, World

Value = TypeVar("Value")
_AGES = {"elder": (62, 78), "parent": (35, 48), "single": (24, 33), "child": (7, 15)}


@dataclass(frozen=True)
class _Member:
    name: str
    sex: str
    generation: str
    household: str
    age: int


def build_world(seed: int) -> World:
    """The names are always the same; equal seeds give equal worlds."""
    rng = random.Random(f"world {seed}")
    members = _deal_ages(rng)
    names = [member.name for member in members]
    households = list(dict.fromkeys(member.household for member in members))
    homes = _deal_homes(rng)
    trades = _deal_trades(members, homes, rng)
    friends = _deal_friends(members, rng)
    pets = _deal(households, PETS, rng)
    characters, hobbies, foods = _deal(names, CHARACTERS, rng), _deal(names, HOBBIES, rng), _deal(names, FOODS, rng)
    wishes = _deal(names, [trade.name for trade in TRADES], rng)
    kin = _kinships({member.name: member.age for member in members})
    people = (
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
            kin=tuple(kin.get(member.name, {}).items()),
        )
        for member in members
    )
    return World(seed, tuple(people))


def _deal(names: Sequence[str], values: Sequence[Value], rng: random.Random) -> dict[str, Value]:
    """Deals evenly: every value is used before one is used again."""
    pile: list[Value] = []
    while len(pile) < len(names):
        pile += rng.sample(list(values), len(values))
    return dict(zip(names, pile, strict=False))


def _deal_ages(rng: random.Random) -> list[_Member]:
    members = []
    for family in FAMILIES:
        first, second = rng.sample(range(_AGES["child"][0], _AGES["child"][1] + 1, 2), 2)
        members += [
            _Member(family.father, "男", "parent", family.father, rng.randint(38, _AGES["parent"][1])),
            _Member(family.mother, "女", "parent", family.father, rng.randint(_AGES["parent"][0], 45)),
            _Member(family.girl, "女", "child", family.father, first),
            _Member(family.boy, "男", "child", family.father, second),
        ]
        if family.elder:
            members.append(_Member(family.elder, family.elder_sex, "elder", family.father, rng.randint(*_AGES["elder"])))
    members += [_Member(name, sex, "single", name, rng.randint(*_AGES["single"])) for name, sex in SINGLES]
    return members


def _deal_homes(rng: random.Random) -> dict[str, str]:
    """One family in each place; those who live alone live in the town."""
    places = [place.name for place in PLACES]
    homes = dict(zip((family.father for family in FAMILIES), rng.sample(places, len(places)), strict=True))
    return homes | {name: TOWN for name, _ in SINGLES}


def _deal_trades(members: Sequence[_Member], homes: dict[str, str], rng: random.Random) -> dict[str, str]:
    """At most one of a trade in a place, so that "梨花村的木匠" is one person; trades of water and hills live where they can."""
    dealt = {member.name: STUDENT.name for member in members if member.generation == "child"}
    used: dict[str, int] = {trade.name: 0 for trade in TRADES}
    taken: set[tuple[str, str]] = set()
    adults = [member for member in members if member.generation != "child"]
    for member in rng.sample(adults, len(adults)):
        home = homes[member.household]
        open_to = [t.name for t in TRADES if (home, t.name) not in taken and (not t.homes or home in t.homes)]
        fewest = min(used[name] for name in open_to)
        trade = rng.choice([name for name in open_to if used[name] == fewest])
        dealt[member.name] = trade
        used[trade] += 1
        taken.add((home, trade))
    return dealt


def _deal_friends(members: Sequence[_Member], rng: random.Random) -> dict[str, str]:
    """Everyone has one best friend of about the same age from another household; friendship goes both ways."""
    friends: dict[str, str] = {}
    for generations in (("child",), ("parent",), ("elder", "single")):
        group = [member for member in members if member.generation in generations]
        while any(first.household == second.household for first, second in zip(group[::2], group[1::2], strict=True)):
            rng.shuffle(group)
        for first, second in zip(group[::2], group[1::2], strict=True):
            friends |= {first.name: second.name, second.name: first.name}
    return friends


def _kinships(ages: dict[str, int]) -> dict[str, dict[str, str]]:
    """For each person of a family: what this person calls the others."""
    kin: dict[str, dict[str, str]] = {}
    for family in FAMILIES:
        children = {"女儿": family.girl, "儿子": family.boy}
        kin[family.father] = {"妻子": family.mother, **children}
        kin[family.mother] = {"丈夫": family.father, **children}
        for child, other, older, younger in (
            (family.girl, family.boy, "哥哥", "弟弟"),
            (family.boy, family.girl, "姐姐", "妹妹"),
        ):
            role = older if ages[other] > ages[child] else younger
            kin[child] = {"爸爸": family.father, "妈妈": family.mother, role: other}
        _add_elder(family, kin)
    return kin


def _add_elder(family: Family, kin: dict[str, dict[str, str]]) -> None:
    if not family.elder:
        return
    man = family.elder_sex == "男"
    kin[family.father]["爸爸" if man else "妈妈"] = family.elder
    kin[family.elder] = {"儿子": family.father, "孙女": family.girl, "孙子": family.boy}
    for child in (family.girl, family.boy):
        kin[child]["爷爷" if man else "奶奶"] = family.elder
