"""书信: a letter from one person to a friend, with news of home, questions and greetings."""

import random

from workloads.corpus.demo.doings import outing, task
from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.genres.diary import draw_date
from workloads.corpus.demo.lexicon.seasons import SEASONS
from workloads.corpus.demo.world import Person


class Letter(Genre):
    source = "书信"
    share = 0.04

    def write(self, rng: random.Random) -> str:
        sender, season = rng.choice(self.world.people), rng.choice(SEASONS)
        reader = self._reader(sender, rng)
        role, kin = rng.choice([*sender.kin, ("", "")])
        known = ("character", "friend", role)
        facts = rng.sample([fact for fact in self.lore.of(sender) if fact.topic not in known], 3)
        season_line = rng.choice((f"{season.name}到了，", f"{sender.home}已经是{season.name}了，"))
        lines = [
            f"{reader.name}：",
            f"{rng.choice(_HELLOS)}{season_line}{rng.choice(season.scenes)}。",
            "".join(fact.tell(rng, "我") for fact in facts)
            + f"这几天我{task(sender, season, rng)}。"
            + self._of_kin(role, kin, rng),
            f"听说你{task(reader, season, rng)}，真好。" + rng.choice(_INVITES).format(outing(sender, season, rng)),
            rng.choice(_WISHES),
            sender.name,
            draw_date(season, rng),
        ]
        return "\n".join(lines)

    def _reader(self, sender: Person, rng: random.Random) -> Person:
        """The best friend, or somebody of the same generation from another household."""
        if rng.random() < 0.5:
            return self.world.person(sender.friend)
        peers = self.world.children if sender.is_child else self.world.adults
        return rng.choice([someone for someone in peers if someone.household != sender.household])

    def _of_kin(self, role: str, name: str, rng: random.Random) -> str:
        if not name:
            return "我一切都好。"
        person = self.world.person(name)
        told = f"{person.pronoun}还是那样{person.character}，{person.shown}。"
        return f"我的{role}{name}也问你好。" + rng.choice(
            (told, self.lore.fact(person, "hobby").tell(rng, person.pronoun), "我们全家都很好。")
        )


_HELLOS = ("你好！", "你好吗？", "好久不见，你好吗？", "来信收到了，谢谢你！", "见信好！")
_INVITES = (
    "有空的时候到我家来，我们一起{}吧。", "下次见面，我们一起{}，好吗？", "我很想和你一起{}。", "等你来了，我们就{}。",
)  # fmt: skip
_WISHES = ("祝你身体健康！", "祝你天天快乐！", "祝你全家平安！", "盼你早日回信！")
