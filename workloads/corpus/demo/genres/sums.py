"""算术: sums up to twenty in numerals and digits, and small word problems."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from workloads.corpus.demo.genres.base import Genre
from workloads.corpus.demo.lexicon.things import COUNTED
from workloads.corpus.demo.numbers import amount, numeral
from workloads.corpus.demo.world import Person


@dataclass(frozen=True)
class Sum:
    """first + second or first - second."""

    first: int
    second: int
    plus: bool

    @property
    def result(self) -> int:
        return self.first + self.second if self.plus else self.first - self.second

    @property
    def in_words(self) -> str:
        return f"{numeral(self.first)}{'加' if self.plus else '减'}{numeral(self.second)}"

    @property
    def in_digits(self) -> str:
        return f"{self.first}{'+' if self.plus else '-'}{self.second}"

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """A question and its answer, which does not repeat the sum: a small model then learns to count, not to copy."""
        asked = rng.choice(("等于几", "等于几", "等于多少", "是多少"))
        if rng.random() < 0.25:
            return f"{self.in_digits}{asked}？", f"等于{self.result}。"
        return f"{self.in_words}{asked}？", self.answer

    @property
    def answer(self) -> str:
        return f"等于{numeral(self.result)}。"

    @property
    def told(self) -> str:
        return f"{self.in_words}等于{numeral(self.result)}。"


def draw_sum(rng: random.Random) -> Sum:
    """Addition of numbers from 1 to 9, or taking a number away from one up to 10."""
    if rng.random() < 0.65:
        return Sum(rng.randint(1, 9), rng.randint(1, 9), True)
    first = rng.randint(2, 10)
    return Sum(first, rng.randint(1, first), False)


class Sums(Genre):
    source = "算术"
    share = 0.06

    def write(self, rng: random.Random) -> str:
        return self._sheet(rng) if rng.random() < 0.55 else self._problems(rng)

    def _sheet(self, rng: random.Random) -> str:
        """A line of sums under a heading, in words or digits."""
        person = rng.choice(self.world.people)
        heading = rng.choice(
            (
                f"{person.name}的算术本上写着：",
                f"老师在黑板上写了这些题，{person.name}都算对了：",
                f"{person.name}和{person.friend}比赛做算术：",
                f"晚饭以后，{person.name}做了一页算术题：",
            )
        )
        form = rng.choice(_FORMS)
        return heading + "\n" + "".join(dict.fromkeys(form(draw_sum(rng)) for _ in range(rng.randint(8, 12))))

    def _problems(self, rng: random.Random) -> str:
        return "\n".join(problem(rng.choice(self.world.people), rng) for _ in range(rng.randint(3, 4)))


def _in_both(one: Sum) -> str:
    return f"{one.told.rstrip('。')}，{one.in_digits}={one.result}。"


_FORMS: tuple[Callable[[Sum], str], ...] = (lambda one: one.told, _in_both)


def problem(person: Person, rng: random.Random) -> str:
    """One question with its answer worked out: 王小梅有三个苹果 ..."""
    thing, measure = rng.choice(COUNTED)
    one = draw_sum(rng)
    while one.result == 0:
        one = draw_sum(rng)
    have = f"{person.name}有{amount(one.first)}{measure}{thing}"
    if one.plus:
        then = rng.choice(
            (f"{person.friend}又给了{person.pronoun}{amount(one.second)}{measure}", f"后来又得到{amount(one.second)}{measure}")
        )
        asked, left = f"一共有几{measure}{thing}？", f"一共有{amount(one.result)}{measure}{thing}。"
    else:
        then = rng.choice((f"送给{person.friend}{amount(one.second)}{measure}", f"拿走{amount(one.second)}{measure}"))
        asked, left = f"还剩几{measure}{thing}？", f"还剩{amount(one.result)}{measure}{thing}。"
    return f"问：{have}，{then}，{asked}\n答：{one.told.rstrip('。')}，{left}"
