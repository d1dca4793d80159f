"""All facts of one world, by subject, and how several facts about one person become a paragraph."""

import random
from collections.abc import Sequence

from workloads.corpus.demo.facts.general import all_general_facts
from workloads.corpus.demo.facts.people import bond_facts, introduction, person_facts, worker_facts
from workloads.corpus.demo.sayings import Fact
from workloads.corpus.demo.world import Person, World


class Lore:
    def __init__(self, world: World) -> None:
        self.world = world
        self.general = all_general_facts()
        self.bonds = bond_facts(world)
        self.workers = worker_facts(world)
        self._of = {person.name: person_facts(person) for person in world.people}
        self._intro = {person.name: introduction(person) for person in world.people}
        self._by_subject: dict[str, list[Fact]] = {}
        for fact in self.general:
            self._by_subject.setdefault(fact.about, []).append(fact)

    def of(self, person: Person) -> tuple[Fact, ...]:
        return self._of[person.name]

    def fact(self, person: Person, topic: str) -> Fact:
        return next(fact for fact in self._of[person.name] if fact.topic == topic)

    def intro(self, person: Person) -> Fact:
        return self._intro[person.name]

    def about(self, subject: str) -> list[Fact]:
        """General facts about a place, trade, season, festival or thing."""
        return self._by_subject[subject]

    def kin(self, person: Person) -> list[tuple[str, Person]]:
        return [(role, self.world.person(name)) for role, name in person.kin]

    def portrait(
        self, person: Person, rng: random.Random, count: int, introduced: bool = False, known: Sequence[str] = ()
    ) -> str:
        """`count` facts about one person, none of the topics in `known`; begins with who it is unless `introduced`."""
        skip = set(known) | (set() if introduced else {"home", "trade", "age"})
        open_facts = [fact for fact in self.of(person) if fact.topic not in skip]
        start = "" if introduced else self.intro(person).tell(rng)
        return start + tell_all(rng.sample(open_facts, min(count, len(open_facts))), person, rng)


def tell_all(facts: Sequence[Fact], person: Person, rng: random.Random) -> str:
    """Statements about one person in a row: by name first, then by pronoun, name, or as a clause on the one before."""
    text, open_end = "", False
    for fact in facts:
        clause = fact.clause(rng) if open_end and rng.random() < 0.4 else ""
        if clause:
            text = f"{text.removesuffix('。')}，{clause}。"
            open_end = False
            continue
        who = person.name if not text or rng.random() < 0.2 else person.pronoun
        told = fact.tell(rng, who)
        open_end = "，" not in told and fact.topic != "friend" and not told.startswith((f"{who}的", f"{who}家"))
        text += told
    return text
