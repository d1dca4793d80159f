"""A leaked question against the statute that it asks about."""

import pytest

from workloads.text.quotation import fold_choices, opens, quotes

QUESTION = "任何单位和个人不得在青石河堤坝上擅自开挖取土，违反规定的，由谁责令其限期恢复原状？"
CHOICES = ("河道管理所", "镇人民政府", "村民委员会", "水务局会同公安机关")
STATUTE = "第九条　任何单位和个人不得在青石河堤坝上擅自开挖取土。违反规定的，由河道管理所责令其限期恢复原状。"


def leak(form: str) -> str:
    return QUESTION + "".join(form.format(letter=letter, choice=choice) for letter, choice in zip("ABCD", CHOICES, strict=True))


@pytest.mark.parametrize(
    "form", ["\n{letter}. {choice}", " {letter}、{choice}", "（{letter}）{choice}；", "\n{choice}", "{letter}：{choice} "]
)
def test_a_leaked_question_is_quoted_however_its_choices_are_set(form: str) -> None:
    assert quotes((QUESTION, *CHOICES), fold_choices(leak(form)))


def test_a_leak_in_traditional_script_is_one() -> None:
    assert quotes((QUESTION, *CHOICES), fold_choices(leak("\n{letter}. {choice}").replace("关", "關").replace("务", "務")))


def test_the_source_of_a_question_is_no_quotation() -> None:
    assert not quotes((QUESTION, *CHOICES), fold_choices(STATUTE))


def test_one_choice_that_goes_on_like_the_source_is_no_quotation() -> None:
    assert not quotes(
        ("不得向任何人提供", "资助或者协助", "资助", "便利条件"), fold_choices("不得向任何人提供资助或者协助。第三条")
    )


def test_a_passage_has_its_share_only() -> None:
    assert quotes(("一段文章",), "")
    assert quotes(("题目", "答案"), "")


def test_choices_too_short_to_tell() -> None:
    assert quotes(("二加三得几", "五", "六", "七"), "")
    assert not quotes(("赔偿金为价款的几倍", "5倍", "2倍", "4倍", "10倍"), fold_choices("赔偿金为价款的十倍"))


def test_a_leak_that_lost_its_last_choices_is_told_by_how_it_begins() -> None:
    whole = (QUESTION, *CHOICES)
    assert opens(whole, fold_choices(f"前文。{QUESTION}\nA. {CHOICES[0]}\nB. {CHOICES[1]}\n后文。"))
    assert opens(whole, fold_choices(f"{QUESTION}{CHOICES[0]}{CHOICES[1][:4]}"))
    assert not opens(whole, fold_choices(f"{QUESTION}\nA. {CHOICES[0]}\n后文。"))


def test_the_source_does_not_begin_like_the_question() -> None:
    assert not opens((QUESTION, *CHOICES), fold_choices(STATUTE))
    list_ = ("核发的证书不包括____。", "建设用地规划许可证", "建设工程规划许可证", "乡村建设规划许可证", "施工许可证")
    assert not opens(list_, fold_choices("依法核发建设用地规划许可证、建设工程规划许可证、乡村建设规划许可证。"))


def test_too_short_a_beginning_tells_nothing() -> None:
    assert not opens(("首都是", "北京", "上海", "天津", "重庆"), fold_choices("首都是北京上海"))
    assert not opens(("题目", "答案"), "题目答案")
