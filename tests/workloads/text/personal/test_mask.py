"""Masking keeps all else; what an audit shows of an item gives it to nobody."""

import pytest

from workloads.text.personal.mask import audit, count, mask, starred
from workloads.text.personal.scan import find_personal

ID_CARD = "11010519491231002X"


def masked(text: str) -> str:
    return mask(text, find_personal(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("手机13800138000联系", "手机<手机号>联系"),
        ("电话：138-0013-8000。", "电话：<手机号>。"),
        ("请拨+86 138 0013 8000找王师傅", "请拨<手机号>找王师傅"),
        ("86-13800138000或19912345678都行", "<手机号>或<手机号>都行"),
        ("邮箱abc.def@example.com已登记", "邮箱<邮箱>已登记"),
        (f"身份证号{ID_CARD}已登记", "身份证号<身份证号>已登记"),
        ("１３８００１３８０００找我", "<手机号>找我"),
        ("固话010-62345678", "固话<电话>"),
        ("𠮷祥13800138000𠮷", "𠮷祥<手机号>𠮷"),
        ("没有什么", "没有什么"),
    ],
)
def test_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


def test_counts_by_kind() -> None:
    text = f"张三 13800138000 {ID_CARD} a@b.cn，李四 13900139000"
    assert count(find_personal(text)) == {"email": 1, "id_card": 1, "mobile": 2}


def test_an_audit_shows_a_quarter_of_the_item_and_masks_its_neighbours() -> None:
    text = "甲的号码13800138000，邮箱a.b@example.com，乙13912345679完"
    spans = find_personal(text)
    shown = [audit(text, spans, index) for index in range(len(spans))]
    assert shown[0] == "甲的号码1*********0，邮箱<邮箱>，乙<手机号>完"
    assert all("13912345679" not in each and "a.b@example.com" not in each for each in shown)
    assert (starred("12345678"), starred("abc"), starred("")) == ("1******8", "***", "")
