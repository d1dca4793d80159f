"""Where two texts differ: every sign is on one side or the other, and what is marked is what differs."""

import random

from workloads.text.difference import Stretch, differences, excerpt

LEFT = (
    "总则如下，依次列出。" * 6 + "第一条　为了保护青石河的水，制定本办法。第二条　河道管理所负责巡查。第三条　违者罚款一百元。"
)
RIGHT = LEFT.replace("河道管理所", "镇人民政府").replace("一百元", "二百元")


def text_of(stretches: tuple[Stretch, ...]) -> str:
    return "".join(each.text for each in stretches)


def marked(stretches: tuple[Stretch, ...]) -> list[str]:
    return [each.text for each in stretches if each.kind == "changed"]


def test_what_differs_is_marked_and_the_rest_is_not() -> None:
    left, right = differences(LEFT, RIGHT, 1000)
    assert marked(left) == ["河道管理所", "一"]
    assert marked(right) == ["镇人民政府", "二"]
    assert text_of(left).count("总则") < 3  # nothing differs so far from a change
    assert [each.kind for each in left][:2] == ["left out", "same"]


def test_equal_texts_are_shown_from_their_beginning() -> None:
    left, right = differences(LEFT, LEFT, 10)
    assert left == right == (Stretch(LEFT[:10], "same"), Stretch("", "left out"))


def test_no_sign_is_lost_where_all_is_near_a_change() -> None:
    rng = random.Random(3)
    for _ in range(50):
        left = "".join(rng.choices("天地玄黄，。", k=30))
        right = "".join(rng.choices("天地玄黄，。", k=30))
        found = differences(left, right, 1000)
        for side, text in zip(found, (left, right), strict=True):
            if not any(each.kind == "left out" for each in side):
                assert text_of(side) == text


def test_a_long_change_is_cut() -> None:
    left, right = differences("甲" * 3000, "乙" * 3000, 100)
    assert left == (Stretch("甲" * 100, "changed"), Stretch("", "left out"))
    assert marked(right) == ["乙" * 100]
    assert excerpt("甲乙丙", 3) == (Stretch("甲乙丙", "same"),)
