"""What there is to say about a person: home, work, age, character, tastes, kin and friends."""

import random

from workloads.corpus.demo.numbers import numeral
from workloads.corpus.demo.sayings import Fact, forms
from workloads.corpus.demo.world import Person, World


def person_facts(person: Person) -> tuple[Fact, ...]:
    facts = [_home(person), _trade(person), _age(person), _character(person), _hobby(person), _food(person)]
    facts += [_friend(person), _pet(person)]
    facts += [_kin(person, role, name) for role, name in person.kin]
    if person.is_child:
        facts.append(_wish(person))
    return tuple(facts)


def introduction(person: Person) -> Fact:
    """Who somebody is, in one sentence."""
    age, name = numeral(person.age), person.name
    a_trade = "一名学生" if person.is_child else f"一位{person.trade}"
    return Fact(
        name,
        "person",
        forms("{who}是谁？|{who}是什么人？"),
        (f"{name}是{person.home}的{person.trade}，今年{age}岁。",),
        (f"{name}是{person.home}的{a_trade}，今年{age}岁。", f"{name}今年{age}岁，是{person.home}的{a_trade}。"),
    )


def question_of_truth(person: Person, world: World, rng: random.Random) -> tuple[str, str]:
    """A yes-or-no question with its answer; half of them are wrong on purpose and set right."""
    wrong = rng.random() < 0.5
    other = rng.choice([someone for someone in world.people if someone.home != person.home])
    if rng.random() < 0.5 or person.is_child or other.trade == person.trade or other.is_child:
        asked, truth = other.home if wrong else person.home, f"{person.name}住在{person.home}。"
        return f"{person.name}住在{asked}吗？", ("不是，" if wrong else "是的，") + truth
    asked, truth = other.trade if wrong else person.trade, f"{person.name}是一位{person.trade}。"
    return f"{person.name}是{asked}吗？", ("不是，" if wrong else "是的，") + truth


def worker_facts(world: World) -> tuple[Fact, ...]:
    """Who the carpenter of a village is: asked from the trade's side."""
    return tuple(
        Fact(
            person.name,
            "worker",
            (f"{person.home}的{person.trade}是谁？", f"{person.home}的{person.trade}叫什么名字？"),
            (f"{person.home}的{person.trade}是{person.name}。",),
            (f"{person.home}的{person.trade}是{person.name}。", f"{person.home}有一位{person.trade}，名叫{person.name}。"),
        )
        for person in world.adults
    )


def bond_facts(world: World) -> tuple[Fact, ...]:
    """How two of a family belong together: asked with both names."""
    facts = []
    for person in world.people:
        for role, other in person.kin:
            facts.append(
                Fact(
                    person.name,
                    "bond",
                    (f"{other}是{person.name}的什么人？", f"{other}和{person.name}是什么关系？"),
                    (f"{other}是{person.name}的{role}。",),
                    (f"{other}是{person.name}的{role}。",),
                )
            )
    return tuple(facts)


def _home(person: Person) -> Fact:
    return Fact(
        person.name,
        "home",
        forms("{who}住在哪里？|{who}的家在哪里？|{who}住在什么地方？|{who}住在哪儿？"),
        (f"{{who}}住在{person.home}。",),
        (f"{{who}}住在{person.home}。", f"{{who}}的家在{person.home}。", f"{{who}}一直住在{person.home}。"),
    )


def _trade(person: Person) -> Fact:
    craft = person.craft
    what = "一名学生" if person.is_child else f"一位{craft.name}"
    asks = (
        "{who}是做什么的？|{who}每天做什么？" if person.is_child else "{who}是做什么的？|{who}的工作是什么？|{who}做什么工作？"
    )
    plain, full = f"{{who}}是{what}。", f"{{who}}是{what}，{craft.daily}。"
    return Fact(person.name, "trade", forms(asks), (full,), (plain, full, f"{{who}}{craft.daily}。"))


def _age(person: Person) -> Fact:
    asks = (
        "{who}今年几岁？|{who}几岁了？|{who}今年多大了？"
        if person.is_child
        else "{who}今年多大年纪？|{who}多大了？|{who}今年多大了？"
    )
    told = f"{{who}}今年{numeral(person.age)}岁。"
    return Fact(person.name, "age", forms(asks), (told,), (told, f"{{who}}今年{numeral(person.age)}岁了。"))


def _character(person: Person) -> Fact:
    told = f"{{who}}很{person.character}，{person.shown}。"
    return Fact(
        person.name,
        "character",
        forms("{who}是个什么样的人？|{who}的性格怎么样？|{who}这个人怎么样？"),
        (told,),
        (told, f"{{who}}是个{person.character}的人，{person.shown}。"),
    )


def _hobby(person: Person) -> Fact:
    hobby = person.hobby
    return Fact(
        person.name,
        "hobby",
        forms("{who}喜欢做什么？|{who}有什么爱好？|{who}平时爱做什么？|{who}的爱好是什么？"),
        (f"{{who}}喜欢{hobby}。",),
        (f"{{who}}喜欢{hobby}。", f"{{who}}最大的爱好是{hobby}。", f"{{who}}一有空就{hobby}。", f"{{who}}平时很喜欢{hobby}。"),
    )


def _food(person: Person) -> Fact:
    return Fact(
        person.name,
        "food",
        forms("{who}最爱吃什么？|{who}喜欢吃什么？|{who}最喜欢吃什么？"),
        (f"{{who}}最爱吃{person.food}。",),
        (f"{{who}}最爱吃{person.food}。", f"{{who}}最喜欢吃{person.food}。", f"{{who}}特别爱吃{person.food}。"),
    )


def _friend(person: Person) -> Fact:
    return Fact(
        person.name,
        "friend",
        forms("{who}的好朋友是谁？|{who}最好的朋友是谁？|{who}和谁最要好？"),
        (f"{{who}}的好朋友是{person.friend}。",),
        (f"{{who}}的好朋友是{person.friend}。", f"{{who}}和{person.friend}是好朋友。", f"{{who}}和{person.friend}最要好。"),
    )


def _pet(person: Person) -> Fact:
    return Fact(
        person.name,
        "pet",
        forms("{who}家养了什么？|{who}家里养了什么？|{who}家有什么动物？"),
        (f"{{who}}家养了{person.pet}。",),
        (f"{{who}}家养了{person.pet}。", f"{{who}}家里养着{person.pet}。", f"{{who}}家有{person.pet}。"),
    )


def _wish(person: Person) -> Fact:
    return Fact(
        person.name,
        "wish",
        forms("{who}长大以后想做什么？|{who}长大想当什么？|{who}的理想是什么？"),
        (f"{{who}}长大以后想当{person.wish}。",),
        (f"{{who}}长大以后想当{person.wish}。", f"{{who}}的理想是当一位{person.wish}。", f"{{who}}想当一位{person.wish}。"),
    )


def _kin(person: Person, role: str, name: str) -> Fact:
    return Fact(
        person.name,
        role,
        (f"{{who}}的{role}是谁？", f"{{who}}的{role}叫什么名字？", f"谁是{{who}}的{role}？"),
        (f"{{who}}的{role}是{name}。",),
        (f"{{who}}的{role}是{name}。", f"{{who}}的{role}叫{name}。"),
    )
