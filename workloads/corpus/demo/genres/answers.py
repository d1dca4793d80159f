"""问答: several questions and answers, one after the other; also follow-up questions with a pronoun."""

import random

from workloads.corpus.demo.facts.people import question_of_truth
from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.genres.sums import draw_sum
from workloads.corpus.demo.lexicon.places import PLACES
from workloads.corpus.demo.lexicon.seasons import FESTIVALS, SEASONS
from workloads.corpus.demo.lexicon.trades import TRADES
from workloads.corpus.demo.sayings import Fact

Pair = tuple[str, str]


class Answers(Genre):
    source = "问答"
    share = 0.54

    def write(self, rng: random.Random) -> str:
        kind = rng.choices((self._mixed, self._one_person, self._one_family, self._one_subject), (56, 20, 12, 12))[0]
        return "\n".join(f"问：{question}\n答：{answer}" for question, answer in kind(rng))

    def _mixed(self, rng: random.Random) -> list[Pair]:
        return [self._any(rng) for _ in range(rng.randint(6, 10))]

    def _any(self, rng: random.Random) -> Pair:
        draw = rng.random()
        if draw < 0.38:
            return self._about_person(rng)
        if draw < 0.68:
            return _pair(rng.choice(self.lore.general), rng)
        if draw < 0.87:
            return draw_sum(rng).pair(rng)
        if draw < 0.94:
            return _pair(rng.choice(rng.choice((self.lore.bonds, self.lore.workers))), rng)
        return question_of_truth(rng.choice(self.world.people), self.world, rng)

    def _about_person(self, rng: random.Random) -> Pair:
        person = rng.choice(self.world.people)
        if rng.random() < 0.08:
            return _pair(self.lore.intro(person), rng)
        return _pair(rng.choice(self.lore.of(person)), rng)

    def _one_person(self, rng: random.Random) -> list[Pair]:
        """The first question names the person, the others say he or she; now and then by name again."""
        person = rng.choice(self.world.people)
        facts = rng.sample(self.lore.of(person), rng.randint(6, 8))
        first = self.lore.intro(person) if rng.random() < 0.4 else facts.pop()
        pairs = [_pair(first, rng)]
        for fact in facts:
            who = person.name if rng.random() < 0.25 else person.pronoun
            pairs.append((fact.ask(rng, who), fact.answer(rng, person.pronoun if rng.random() < 0.5 else person.name)))
        return pairs

    def _one_family(self, rng: random.Random) -> list[Pair]:
        """Each question is about somebody the answer before has named."""
        person = rng.choice([person for person in self.world.people if person.kin])
        pairs: list[Pair] = []
        for _ in range(rng.randint(3, 4)):
            role, other = rng.choice(self.lore.kin(person))
            pairs.append(_pair(self.lore.fact(person, role), rng))
            pairs.append(_pair(rng.choice(self.lore.of(other)), rng))
            person = other
        return list(dict.fromkeys(pairs))

    def _one_subject(self, rng: random.Random) -> list[Pair]:
        subjects = rng.sample([item.name for group in (PLACES, TRADES, SEASONS, FESTIVALS) for item in group], 2)
        facts = [fact for subject in subjects for fact in rng.sample(self.lore.about(subject), 3)]
        pairs = [_pair(fact, rng) for fact in facts]
        pairs.insert(rng.randint(0, len(pairs)), self._about_person(rng))
        pairs.append(self._about_person(rng))
        return pairs


def _pair(fact: Fact, rng: random.Random) -> Pair:
    return fact.ask(rng), fact.answer(rng)
