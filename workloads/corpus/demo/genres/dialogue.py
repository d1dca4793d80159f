"""对话: two people talk about themselves, their families and what everybody knows."""

import random

from workloads.corpus.demo.doings import outing, task
from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.seasons import SEASONS
from workloads.corpus.demo.world import Person


class Dialogue(Genre):
    source = "对话"
    share = 0.08

    def write(self, rng: random.Random) -> str:
        first = rng.choice(self.world.people)
        second = rng.choice([someone for someone in self.world.people if someone.household != first.household])
        lines = self._talk(first, second, rng)
        if rng.random() < 0.5:
            return "\n".join(f"{speaker.name}：{line}" for speaker, line in lines)
        return self._quoted(lines, rng)

    def _talk(self, first: Person, second: Person, rng: random.Random) -> list[tuple[Person, str]]:
        lines = list(zip((first, second), rng.choice(_HELLOS), strict=True))
        topics = rng.sample((self._of_you, self._of_you, self._of_other, self._of_thing, self._of_day), 4)
        asker, answerer = first, second
        for topic in topics:
            if rng.random() < 0.4:
                asker, answerer = answerer, asker
            question, answer = topic(answerer, rng)
            if answer not in (line for _, line in lines):
                lines += [(asker, question), (answerer, answer)]
        return [*lines, *zip((asker, answerer), rng.choice(_ENDS), strict=True)]

    def _of_you(self, other: Person, rng: random.Random) -> tuple[str, str]:
        fact = rng.choice([fact for fact in self.lore.of(other) if fact.topic != "character"])
        return fact.ask(rng, "你"), fact.answer(rng, "我")

    def _of_other(self, other: Person, rng: random.Random) -> tuple[str, str]:
        fact = rng.choice(self.lore.of(rng.choice([someone for someone in self.world.people if someone.name != other.name])))
        return rng.choice(("", "你知道吗，", "请问，")) + fact.ask(rng), fact.answer(rng)

    def _of_thing(self, _other: Person, rng: random.Random) -> tuple[str, str]:
        fact = rng.choice([fact for fact in self.lore.general if fact.topic != "common"])
        return rng.choice(("", "请问，", "我想问问，")) + fact.ask(rng), rng.choice(("", "", "我知道。")) + fact.answer(rng)

    def _of_day(self, other: Person, rng: random.Random) -> tuple[str, str]:
        season = rng.choice(SEASONS)
        if rng.random() < 0.4:
            return rng.choice(("你昨天到哪里去了？", "你昨天做了什么？")), f"我{outing(other, season, rng)}了。"
        return rng.choice(("你今天做了什么？", "你昨天做了什么？", "这几天你忙什么？")), f"我{task(other, season, rng)}。"

    def _quoted(self, lines: list[tuple[Person, str]], rng: random.Random) -> str:
        (first, _), (second, _) = lines[0], lines[1]
        text = rng.choice(
            (
                f"{first.name}在路上遇见了{second.name}。",
                f"集市上人很多，{first.name}看见了{second.name}。",
                f"一天早上，{first.name}去看{second.name}。",
                f"{first.name}和{second.name}坐在{rng.choice(('大树下', '屋檐下', '河边', '桥头'))}说话。",
            )
        )
        asked = False
        for speaker, line in lines:
            verb = rng.choice(("问", "问道") if line.endswith("？") else ("回答", "说") if asked else ("说", "笑着说"))
            asked = line.endswith("？")
            inner = line.replace("“", "‘").replace("”", "’")
            text += f"{speaker.name}{verb}：“{inner}”"
        return text


_HELLOS = (
    ("你好！", "你好！"), ("早上好！", "早上好，你也来了。"), ("好久不见！", "是啊，好久不见！"), ("你好，真巧啊！", "真巧，我正想找你。"),
    ("吃过饭了吗？", "吃过了，谢谢。"), ("快请坐。", "谢谢，打扰你了。"), ("今天天气真好。", "是啊，真舒服。"),
)  # fmt: skip
_ENDS = (
    ("谢谢你告诉我。", "不用谢，再见！"), ("我记住了。", "有空来我家坐坐。"), ("我该回家了，再见。", "再见，路上小心。"),
    ("和你说话真高兴。", "我也很高兴。"), ("原来是这样。", "是啊，大家都知道。"), ("你懂得真多。", "哪里，都是听别人说的。"),
)  # fmt: skip
