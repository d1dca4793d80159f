"""日记: one day of one person, in the first person."""

import random

from workloads.corpus.demo.doings import outing, task
from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.seasons import SEASONS, Season
from workloads.corpus.demo.numbers import numeral
from workloads.corpus.demo.world import Person

_DAYS = {"二月": 28, "四月": 30, "六月": 30, "九月": 30, "十一月": 30}


def draw_date(season: Season, rng: random.Random) -> str:
    return draw_day(rng.choice(season.months), rng)


def draw_day(month: str, rng: random.Random) -> str:
    return f"{month}{numeral(rng.randint(1, _DAYS.get(month, 31)))}日"


class Diary(Genre):
    source = "日记"
    share = 0.05

    def write(self, rng: random.Random) -> str:
        person, season = rng.choice(self.world.people), rng.choice(SEASONS)
        parts = [self._myself(person, rng), self._day(person, season, rng), self._others(person, rng)]
        body = "".join(parts) + rng.choice(_ENDS)
        return f"{draw_date(season, rng)}，{rng.choice(season.skies)}。\n{body}"

    def _myself(self, person: Person, rng: random.Random) -> str:
        facts = rng.sample([fact for fact in self.lore.of(person) if fact.topic not in ("character", "trade")], 2)
        return f"我叫{person.name}。" + "".join(fact.tell(rng, "我") for fact in facts)

    def _day(self, person: Person, season: Season, rng: random.Random) -> str:
        scene, done, trip = rng.choice(season.scenes), task(person, season, rng), outing(person, season, rng)
        companion = rng.choice([*person.kin, ("好朋友", person.friend)])
        with_whom = rng.choice((companion[1], f"{companion[0]}{companion[1]}"))
        return rng.choice(
            (
                f"今天{scene}。上午，我{done}。下午，我和{with_whom}一起{trip}。",
                f"早上起来，{scene}。我先{done}，然后和{with_whom}{trip}。",
                f"今天我{done}。傍晚，{scene}，我和{with_whom}{trip}。",
                f"吃过早饭，我{done}。{scene}，{with_whom}叫我一起{trip}。",
            )
        )

    def _others(self, person: Person, rng: random.Random) -> str:
        other = rng.choice([someone for someone in self.world.people if someone.household != person.household])
        met = rng.choice(
            (f"路上遇见了{other.name}。", f"回来的时候遇到了{other.name}。", f"晚上，{other.name}来我家坐了一会儿。")
        )
        return met + self.lore.portrait(other, rng, 3, introduced=True)


_ENDS = (
    "今天过得真高兴。", "我累了，可是心里很高兴。", "这真是难忘的一天。", "明天我还想去。",
    "晚上我睡得很香。", "我要把今天的事都记下来。", "一天就这样过去了。", "我想，日子就应该这样过。",
)  # fmt: skip
