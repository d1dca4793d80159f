"""村志: descriptions of people, families, villages and trades as a local chronicle has them."""

import random

from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.places import PLACES
from workloads.corpus.demo.lexicon.trades import TRADES


class Chronicle(Genre):
    source = "村志"
    share = 0.11

    def write(self, rng: random.Random) -> str:
        kind = rng.choices((self._person, self._family, self._village, self._trade), (40, 20, 25, 15))[0]
        return kind(rng)

    def _person(self, rng: random.Random) -> str:
        person = rng.choice(self.world.people)
        text = self.lore.portrait(person, rng, rng.randint(7, 9))
        friend = self.world.person(person.friend)
        if "好朋友" not in text and rng.random() < 0.5:
            text += f"{person.pronoun}的好朋友{friend.name}也很有意思。"
        elif f"{friend.name}" not in text:
            return text
        return text + self.lore.portrait(friend, rng, 3, introduced=True)

    def _family(self, rng: random.Random) -> str:
        person = rng.choice([someone for someone in self.world.people if someone.kin])
        text = rng.choice(("说说{0}一家。", "这是{0}的一家人。", "{0}家的人都很和气。")).format(person.name)
        text += self.lore.fact(person, "home").tell(rng)
        for role, other in rng.sample(self.lore.kin(person), min(3, len(person.kin))):
            text += self.lore.fact(person, role).tell(rng)
            text += self.lore.portrait(other, rng, 2, introduced=True)
        return text + self.lore.fact(person, "pet").tell(rng)

    def _village(self, rng: random.Random) -> str:
        place = rng.choice(PLACES)
        where, *others = self.lore.about(place.name)
        told = [fact.tell(rng) for fact in rng.sample(others, 2)] + [f"{rng.choice(place.scene)}。"]
        rng.shuffle(told)
        text = where.tell(rng) + "".join(told)
        neighbours = self.world.at(place.name)
        for person in rng.sample(neighbours, min(rng.randint(2, 3), len(neighbours))):
            text += rng.choice((f"村里人都认识{person.name}。", "", "")) if place.miles else ""
            text += self.lore.portrait(person, rng, 3)
        return text

    def _trade(self, rng: random.Random) -> str:
        trade = rng.choice(TRADES)
        told = [fact.tell(rng) for fact in rng.sample(self.lore.about(trade.name), 2)]
        text = "".join(told)
        for person in rng.sample(self.world.workers(trade.name), min(2, len(self.world.workers(trade.name)))):
            text += f"{person.home}有一位{trade.name}，名叫{person.name}。"
            text += self.lore.portrait(person, rng, 3, introduced=True)
            text += rng.choice((f"有一天，{person.pronoun}{rng.choice(trade.days)}。", ""))
        return text
