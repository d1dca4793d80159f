"""Shares of items in texts: what counts, what is a phrase of the exam, what is too short."""

from hypothesis import given
from hypothesis import strategies as st

from workloads.text.overlap import build_overlap_index

ITEM = "古时候青石镇的石匠每年春天都要把河边的旧石桥修好以便商队从山里运茶出来"
OTHER = "北坡村的养蜂人夏天把蜂箱搬到槐树林里等到秋天再搬回自己家的院子过冬"


def test_the_share_of_an_item_that_a_text_holds() -> None:
    index = build_overlap_index([ITEM, OTHER], length=13, common=8, least_grams=8)
    (match,) = index.match(f"前言{ITEM}后记", 0.5)
    assert (match.item, match.share) == (0, 1.0)
    half = ITEM[: 13 + (len(ITEM) - 13) // 2]
    (match,) = index.match(half, 0.2)
    assert match.share == (len(half) - 12) / (len(ITEM) - 12)
    assert index.match(half, 0.9) == []


def test_the_larger_share_comes_first() -> None:
    index = build_overlap_index([ITEM, OTHER], length=13, common=8, least_grams=8)
    assert [match.item for match in index.match(ITEM[:25] + OTHER, 0.1)] == [1, 0]


def test_a_phrase_of_many_items_is_not_counted() -> None:
    phrase = "根据上面这段材料下列说法中正确的一项是"
    items = [f"{phrase}{chr(0x4E00 + 40 * number)}" for number in range(9)]
    assert build_overlap_index([*items, ITEM], 13, common=8, least_grams=1).match(phrase, 0.01) == []
    assert build_overlap_index(items[:8], 13, common=8, least_grams=1).match(phrase, 0.01) != []


def test_an_item_too_short_to_tell_is_not_looked_for() -> None:
    index = build_overlap_index(["今天天气怎么样", ITEM[:19], ITEM[:20]], length=13, common=8, least_grams=8)
    assert index.totals.tolist() == [0, 0, 8]
    assert [match.item for match in index.match(ITEM, 0.5)] == [2]


def test_no_items_and_no_text() -> None:
    assert build_overlap_index([], 13, 8, 8).match(ITEM, 0.5) == []
    assert build_overlap_index([ITEM], 13, 8, 8).match("", 0.5) == []
    assert build_overlap_index([ITEM], 13, 8, 8).match("短", 0.5) == []


@given(st.lists(st.text("甲乙丙", min_size=3, max_size=12), max_size=6), st.text("甲乙丙", max_size=30))
def test_shares_are_those_of_plain_sets(items: list[str], text: str) -> None:
    def grams(of: str) -> set[str]:
        return {of[at : at + 3] for at in range(len(of) - 2)}

    held = grams(text)
    sizes = [len(grams(item)) for item in items]
    expected = {n: len(grams(item) & held) / sizes[n] for n, item in enumerate(items)} if len(text) >= 3 else {}
    found = build_overlap_index(items, 3, common=99, least_grams=1).match(text, 1e-9)
    assert {match.item: match.share for match in found} == {n: share for n, share in expected.items() if share}
