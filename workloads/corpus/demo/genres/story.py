"""故事: short stories in three or four steps: a trouble, somebody who can help, thanks."""

import random

from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.seasons import SEASONS
from workloads.corpus.demo.lexicon.things import COUNTED
from workloads.corpus.demo.lexicon.trades import TRADES
from workloads.corpus.demo.numbers import amount
from workloads.corpus.demo.world import Person


class Story(Genre):
    source = "故事"
    share = 0.07

    def write(self, rng: random.Random) -> str:
        return rng.choice((self._help, self._help, self._lost, self._visit, self._lesson))(rng)

    def _open(self, person: Person, rng: random.Random) -> str:
        season = rng.choice(SEASONS)
        return rng.choice(
            (
                f"{season.name}的一天，{rng.choice(season.scenes)}。",
                f"那是{season.name}，{rng.choice(season.scenes)}。",
                f"从前的一个{season.name}，{rng.choice(season.scenes)}。",
                f"{season.name}的早晨，{person.home}还很安静。",
            )
        )

    def _help(self, rng: random.Random) -> str:
        trade = rng.choice(TRADES)
        helper = rng.choice(self.world.workers(trade.name))
        person = rng.choice([one for one in self.world.people if one.household != helper.household and one.trade != trade.name])
        role, adviser = rng.choice([*person.kin, ("好朋友", person.friend)])
        near = helper.home == person.home
        text = self._open(person, rng) + self.lore.intro(person).tell(rng)
        text += rng.choice(_TROUBLES).format(person.pronoun, trade.need)
        text += f"{role}{adviser}说：“{trade.need}，可以找{trade.name}帮忙。{helper.home}的{trade.name}是{helper.name}。”"
        text += f"{person.name}就{'' if near else f'到{helper.home}'}去找{helper.name}。"
        text += self.lore.fact(helper, "character").tell(rng, helper.pronoun)
        text += f"听完{person.name}的话，{helper.pronoun}马上{trade.help.format(whom=person.name)}。"
        return text + rng.choice(_THANKS).format(person.name, helper.name)

    def _lost(self, rng: random.Random) -> str:
        owner = rng.choice(self.world.people)
        finder = rng.choice([one for one in self.world.people if one.home != owner.home])
        animal = owner.pet
        text = self._open(owner, rng) + self.lore.fact(owner, "pet").tell(rng)
        text += f"这天早上，{owner.name}起床一看，{animal[2:]}不见了。"
        text += rng.choice((f"{owner.pronoun}找遍了{owner.home}，也没有找到。", f"{owner.pronoun}一边走一边叫，嗓子都喊哑了。"))
        text += f"{self.lore.intro(finder).tell(rng)}{finder.pronoun}{rng.choice(finder.craft.days)}，回家的路上听见了{animal[2:]}的声音。"
        text += f"{finder.name}想：“{owner.home}的{owner.name}家养了{animal}，一定是{owner.pronoun}家的。”"
        text += f"{finder.pronoun}连忙把{animal[2:]}送到{owner.home}。"
        return (
            text
            + rng.choice(_THANKS).format(owner.name, finder.name)
            + self.lore.portrait(owner, rng, 2, True, ("pet", "home"))
        )

    def _visit(self, rng: random.Random) -> str:
        host = rng.choice(self.world.people)
        guest = self.world.person(host.friend)
        thing, measure = rng.choice([pair for pair in COUNTED if pair[0] not in ("信", "小鸡", "铅笔")])
        first, second = rng.randint(2, 9), rng.randint(1, 9)
        text = (
            self._open(host, rng)
            + f"{guest.name}要{'' if guest.home == host.home else f'到{host.home}'}去看好朋友{host.name}。"
        )
        text += self.lore.portrait(guest, rng, 2, True, ("friend", "food", "hobby"))
        text += f"{guest.pronoun}带了{amount(first)}{measure}{thing}，路上又买了{amount(second)}{measure}，一共有{amount(first + second)}{measure}。"
        text += f"{host.name}高兴地出来迎接，做了{guest.pronoun}最爱吃的{guest.food}。"
        text += f"吃过饭，{host.name}说：“我喜欢{host.hobby}，你喜欢{guest.hobby}，我们一样一样地来。”"
        return text + rng.choice(("两个人玩到太阳下山。", "两个人有说有笑，天黑了还不想分开。", "他们约好下个月再见。"))

    def _lesson(self, rng: random.Random) -> str:
        child, master = rng.choice(self.world.children), rng.choice(self.world.adults)
        craft = master.craft
        text = self._open(child, rng) + self.lore.portrait(child, rng, 2)
        text += f"{child.pronoun}想知道{craft.name}是怎样干活的，就去找{master.name}。"
        text += f"{master.name}拿出{craft.a_tool}，说：“{craft.tool}是用来{craft.use}的。{craft.name}{craft.daily}。”"
        text += rng.choice(
            (
                f"{child.name}学了一会儿，手就酸了。",
                f"{child.name}试了三次，才学会一点儿。",
                f"{child.name}看得很认真，一句话也不说。",
            )
        )
        text += rng.choice(
            (
                "“不要急，慢慢来。”",
                "“做什么事都要有耐心。”",
                "“天下没有学不会的本领。”",
            )
        )
        return text + f"{master.name}笑着说。" + self.lore.portrait(master, rng, 2, introduced=True)


_TROUBLES = (
    "这天，{0}遇到了一件难事：{1}。{0}想来想去没有办法。",
    "{0}正在发愁，因为{1}。",
    "{1}，怎么办呢？{0}心里很着急。",
    "“{1}，怎么办才好呢？”{0}自言自语地说。",
)
_THANKS = (
    "{0}连声说：“谢谢你！”{1}说：“不用谢，大家都是邻居。”",
    "{0}高兴极了，第二天给{1}送去了一篮鸡蛋。",
    "{0}心里暖暖的，一路唱着歌回了家。",
    "“真不知道怎么谢你才好。”{0}说。{1}笑了：“这点小事不算什么。”",
    "从那以后，{0}和{1}常常来往。",
)
