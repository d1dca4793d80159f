"""The world: the same for a seed, another for another seed, and free of contradictions."""

import random
from collections import defaultdict

import pytest

from workloads.corpus.demo.facts.people import introduction, question_of_truth
from workloads.corpus.demo.founding import build_world
from workloads.corpus.demo.genres.sums import draw_sum
from workloads.corpus.demo.lexicon.places import PLACES
from workloads.corpus.demo.lexicon.trades import TRADES
from workloads.corpus.demo.lore import Lore
from workloads.corpus.demo.numbers import amount, numeral
from workloads.corpus.demo.sayings import Fact
from workloads.corpus.demo.world import World

MIRRORED = {"妻子": "丈夫", "丈夫": "妻子", "哥哥": "妹妹", "姐姐": "弟弟", "弟弟": "姐姐", "妹妹": "哥哥"}


@pytest.fixture(scope="module", params=[1, 2, 11])
def world(request: pytest.FixtureRequest) -> World:
    return build_world(request.param)


def all_facts(world: World) -> list[Fact]:
    lore = Lore(world)
    facts = [fact for person in world.people for fact in (*lore.of(person), introduction(person))]
    return [*facts, *lore.general, *lore.bonds, *lore.workers]


def test_equal_seeds_give_equal_worlds_and_others_differ() -> None:
    assert build_world(1) == build_world(1)
    assert build_world(1).people != build_world(2).people


def test_the_world_is_complete(world: World) -> None:
    assert len(world.people) == len({person.name for person in world.people}) == 52
    assert {person.home for person in world.people} == {place.name for place in PLACES}
    assert all(world.workers(trade.name) for trade in TRADES)


def test_kin_and_friends_go_both_ways(world: World) -> None:
    for person in world.people:
        friend = world.person(person.friend)
        assert friend.friend == person.name
        assert friend.household != person.household
        for role, name in person.kin:
            other = world.person(name)
            assert other.home == person.home
            assert person.name in dict(other.kin).values()
            if role in MIRRORED:
                assert dict(other.kin)[MIRRORED[role]] == person.name
            if role in ("哥哥", "姐姐", "爸爸", "妈妈", "爷爷", "奶奶"):
                assert other.age > person.age


def test_a_trade_is_one_person_in_a_place(world: World) -> None:
    seen = [(person.home, person.trade) for person in world.adults]
    assert len(seen) == len(set(seen))


def test_one_question_has_one_answer(world: World) -> None:
    """Over all facts in all forms: the same question never has two different sets of answers."""
    answers: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for fact in all_facts(world):
        for question in fact.asks:
            answers[question.replace("{who}", fact.about)].add(
                tuple(text.replace("{who}", fact.about) for text in fact.answers)
            )
    assert len(answers) > 1500
    assert {question: found for question, found in answers.items() if len(found) > 1} == {}


def test_statements_are_whole_sentences(world: World) -> None:
    for fact in all_facts(world):
        for text in (*fact.answers, *fact.tells):
            filled = text.replace("{who}", fact.about)
            assert filled.endswith(("。", "？", "！")), filled
            assert not any(sign in filled for sign in ("{", "}", "。。", "，。", "None")), filled
        assert all(question.endswith(("？", "。", "！")) for question in fact.asks)


def test_questions_of_truth_are_answered_by_the_world(world: World) -> None:
    rng = random.Random(0)
    for person in world.people:
        question, answer = question_of_truth(person, world, rng)
        right = answer.startswith("是的，")
        asked = question.removesuffix("吗？").rsplit("住在", 1)[-1].rsplit("是", 1)[-1]
        assert right == (asked in (person.home, person.trade))
        assert (person.home in answer) or (person.trade in answer)


def test_sums_are_right() -> None:
    rng = random.Random(5)
    values = {numeral(number): number for number in range(100)}
    for _ in range(300):
        one = draw_sum(rng)
        left, result = one.told.removesuffix("。").split("等于")
        sign = "加" if "加" in left else "减"
        first, second = (values[part] for part in left.split(sign))
        assert values[result] == (first + second if sign == "加" else first - second) >= 0
        question, answer = one.pair(rng)
        assert question.endswith("？")
        assert answer in (one.answer, f"等于{one.result}。")


@pytest.mark.parametrize(("number", "text"), [(0, "零"), (2, "二"), (10, "十"), (12, "十二"), (20, "二十"), (47, "四十七")])
def test_numerals(number: int, text: str) -> None:
    assert numeral(number) == text


def test_two_before_a_measure_word() -> None:
    assert amount(2) == "两"
    assert amount(12) == "十二"
    with pytest.raises(ValueError, match="0 to 99"):
        numeral(100)
