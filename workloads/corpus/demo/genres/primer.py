"""课本: what everybody knows, told as in a first reader: crops, fruits, animals, tools, trades, seasons and festivals."""

import random

from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.crafts import WARES
from workloads.corpus.demo.lexicon.seasons import FESTIVALS, SEASONS
from workloads.corpus.demo.lexicon.things import ANIMALS, CROPS, FRUITS
from workloads.corpus.demo.lexicon.trades import TRADES

_SUBJECTS = (
    tuple(name for name, *_ in (*CROPS, *FRUITS)),
    tuple(name for name, *_ in ANIMALS),
    tuple(trade.name for trade in TRADES),
    tuple(season.name for season in SEASONS),
    tuple(festival.name for festival in FESTIVALS),
)


class Primer(Genre):
    source = "课本"
    share = 0.06

    def write(self, rng: random.Random) -> str:
        lesson = rng.choice((self._subjects, self._subjects, self._tools, self._opposites))
        return self._heading(rng) + lesson(rng)

    def _heading(self, rng: random.Random) -> str:
        child = rng.choice(self.world.children)
        return rng.choice(
            (
                f"上课了，{child.name}大声读课文。",
                f"{child.name}的课本里写着这样的话。",
                f"老师教{child.name}和{child.friend}读书。",
                f"晚上，{child.name}在灯下读书。",
            )
        )

    def _subjects(self, rng: random.Random) -> str:
        """Three or four things of one sort, two or three sentences about each."""
        names = rng.choice(_SUBJECTS)
        text = ""
        for name in rng.sample(names, min(rng.randint(3, 4), len(names))):
            facts = self.lore.about(name)
            text += "".join(fact.tell(rng) for fact in rng.sample(facts, min(3, len(facts))))
        return text

    def _tools(self, rng: random.Random) -> str:
        """Which tool is for what, and one thing made step by step."""
        uses = [fact for fact in self.lore.general if fact.topic == "use"]
        ware = rng.choice(WARES)[0]
        making = next(fact for fact in self.lore.about(ware) if fact.topic == "making")
        return "".join(fact.tell(rng) for fact in rng.sample(uses, 6)) + making.tell(rng)

    def _opposites(self, rng: random.Random) -> str:
        """Opposites, and a few things that everybody knows."""
        opposites = [fact for fact in self.lore.general if fact.topic == "opposite"]
        common = [
            fact
            for fact in self.lore.general
            if fact.topic == "common" and not fact.about.startswith(("你", "我", "不用", "再见"))
        ]
        told = [fact.tell(rng) for fact in (*rng.sample(opposites, 4), *rng.sample(common, 5))]
        rng.shuffle(told)
        return "".join(told)
