"""新闻: short news and notices of the town's paper."""

import random

from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.genres.diary import draw_date, draw_day
from workloads.corpus.demo.lexicon.places import PLACES, TOWN
from workloads.corpus.demo.lexicon.seasons import FESTIVALS, SEASONS
from workloads.corpus.demo.numbers import numeral


class News(Genre):
    source = "新闻"
    share = 0.03

    def write(self, rng: random.Random) -> str:
        return self._notice(rng) if rng.random() < 0.35 else self._report(rng)

    def _report(self, rng: random.Random) -> str:
        season, person = rng.choice(SEASONS), rng.choice(self.world.adults)
        place = next(place for place in PLACES if place.name == person.home)
        trade = person.craft
        head = f"本报{place.name}{draw_date(season, rng)}消息："
        event, said = rng.choice(
            (
                (f"{place.name}的{trade.name}{person.name}昨天{rng.choice(trade.days)}，受到大家的称赞。", "这是我应该做的。"),
                (f"{person.name}请大家到家里做客，来了{numeral(rng.randint(6, 30))}个人。", "大家高兴，我就高兴。"),
                (f"{place.name}昨天来了许多客人，都是来买{place.product}的。{person.name}也去帮忙。", "客人一年比一年多了。"),
                (f"一位外地客人在{place.name}迷了路，{trade.name}{person.name}把客人送到了镇上。", "换了谁都会这样做的。"),
                (f"{person.name}在{place.name}的{person.hobby}比赛里得了第一名。", "多亏了乡亲们鼓励我。"),
            )
        )
        tells = "".join(fact.tell(rng) for fact in rng.sample(self.lore.about(place.name), 2))
        portrait = self.lore.portrait(person, rng, 3, True, ("home", "trade", "hobby"))
        return f"{head}{event}{portrait}{person.name}说：“{said}”{tells}"

    def _notice(self, rng: random.Random) -> str:
        season, place, host = rng.choice(SEASONS), rng.choice(PLACES), rng.choice(self.world.adults)
        festival = rng.choice([festival for festival in FESTIVALS if festival.season == season.name])
        time = rng.choice(("早上八点", "上午九点", "下午两点", "晚上七点"))
        what = rng.choice(
            (
                f"{festival.name}快到了，大家在{place.landmark}旁边一起{festival.custom}。",
                f"{host.name}在{place.name}教大家{host.hobby}，老人和孩子都可以来。",
                f"{place.name}举行{host.hobby}比赛，由{host.name}做裁判。",
                f"{host.trade}{host.name}要到{place.name}来，需要帮忙的乡亲可以去找{host.pronoun}。",
            )
        )
        date = draw_day(festival.month, rng)
        tells = "".join(fact.tell(rng) for fact in rng.sample(self.lore.about(festival.name), 2))
        told = self.lore.portrait(host, rng, 3)
        end = rng.choice(("请大家准时参加。", "欢迎大家都来。", "请互相转告。", "请带好雨伞和水。"))
        lines = (
            "通知",
            f"{date}{time}，{what}",
            told + tells + end,
            f"{TOWN}公所" if rng.random() < 0.5 else f"{place.name}村委会",
        )
        return "\n".join(lines).replace(f"{TOWN}村委会", f"{TOWN}公所")
