"""What is visibly wrong with an answer."""

import pytest

from app.gateway.faults import faults_of, repeated_share

PROSE = (
    "青石镇在江边，镇上有一座老桥。春天，农人把秧苗插进水田；秋天，他们收稻子。卖茶的老人姓周，他的茶是从山上采来的。"
    "孩子们每天背着书包走过石桥去上学，桥下的水很清，能看见小鱼。"
)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (PROSE, ()),
        ("", ("empty",)),
        (" \n", ("empty",)),
        ("很抱歉，我无法回答这个问题。", ("refusal",)),
        ("作为一个人工智能，我没有感情。", ("refusal",)),
        ("I'm sorry, but I can't help with that.", ("refusal", "language")),
        ("老桥" * 60, ("repetition",)),
        ("The old bridge stands by the river in town.", ("language",)),
        ("桥\ufffd\ufffd\ufffd镇上有桥在江边", ("language",)),
        ("一座。", ()),
        ("42", ()),
        ("他抱歉地说，无法回答的问题先放一放。", ()),
    ],
)
def test_faults(answer: str, found: tuple[str, ...]) -> None:
    assert faults_of("镇上有几座桥？请详细介绍。", answer) == found


def test_an_answer_in_the_language_of_the_question_is_well() -> None:
    assert faults_of("How many bridges are there?", "There is one old bridge in the town.") == ()


def test_prose_repeats_little() -> None:
    assert repeated_share(PROSE) < 0.1
    assert repeated_share("短") == 0.0
    assert repeated_share(PROSE * 4) > 0.7
