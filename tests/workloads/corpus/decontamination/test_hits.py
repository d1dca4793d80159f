"""A document against sets: leaked questions are hits that count, the sources of questions are hits that do not."""

from workloads.corpus.decontamination.hits import Hit, build_decontaminator
from workloads.corpus.decontamination.items import Item
from workloads.corpus.decontamination.spec import DecontaminationSpec
from workloads.text.fold import fold

STATUTE = "任何单位和个人不得在青石河堤坝上擅自开挖取土，违反规定的，由河道管理所责令其限期恢复原状"
QUESTION = Item("exam", "law.csv#1", (f"{STATUTE}，这体现了", "处罚法定的原则", "公开公正的原则", "当事人自愿的原则"))
PASSAGE = Item("reading", "a.json#1", ("石匠老周每天清晨沿河走一遍，看看哪块桥石松了，晚上再带徒弟一块一块地换好。",))


def hits(text: str) -> list[Hit]:
    return build_decontaminator([QUESTION, PASSAGE], DecontaminationSpec()).hits(text, fold(text))


def test_a_leaked_question() -> None:
    (hit,) = hits("模拟题\n" + "\nB. ".join(QUESTION.parts))
    assert (hit.item, hit.quoted) == (0, True)
    assert hit.share > 0.6


def test_the_statute_it_asks_about_stays() -> None:
    (hit,) = hits(f"第九条　{STATUTE}。第十条　本条例自公布之日起施行。")
    assert (hit.item, hit.quoted) == (0, False)


def test_a_passage_counts_by_its_share() -> None:
    assert hits(f"转载：{PASSAGE.text}") == [Hit(1, 1.0, True)]
    (hit,) = hits(PASSAGE.text[:20])
    assert not hit.quoted


def test_other_text_has_no_hit() -> None:
    assert hits("春天的青石镇，商队从山里运茶出来。") == []
