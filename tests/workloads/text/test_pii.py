"""Personal data next to Han characters is masked; other numbers stay."""

import pytest

from workloads.text.pii import is_id_card, mask

ID_CARD = "11010519491231002X"  # the specimen of GB 11643-1999


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("手机13800138000联系", "手机<手机号>联系"),
        ("电话：138-0013-8000。", "电话：<手机号>。"),
        ("请拨+86 138 0013 8000找王师傅", "请拨<手机号>找王师傅"),
        ("86-13800138000或19912345678都行", "<手机号>或<手机号>都行"),
        ("邮箱abc.def@example.com已登记", "邮箱<邮箱>已登记"),
        ("发到wang_wu+1@mail.example.com.cn。", "发到<邮箱>。"),
        (f"身份证号{ID_CARD}已登记", "身份证号<身份证号>已登记"),
        ("身份证11010519491231002x，", "身份证<身份证号>，"),
    ],
)
def test_masked(text: str, masked: str) -> None:
    assert mask(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "订单号1380013800012已发货",
        "编号110105194912310021不对",  # wrong check character
        "圆周率3.13800138000",
        "固话010-12345678",
        "代码x13800138000y",
        "@所有人 你好",
        "价格12800138000元整" + "0",
    ],
)
def test_left_alone(text: str) -> None:
    assert mask(text).text == text


def test_counts_by_kind() -> None:
    found = mask(f"张三 13800138000 {ID_CARD} a@b.cn，李四 13900139000")
    assert (found.mobiles, found.emails, found.id_cards, found.total) == (2, 1, 1, 4)


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        (ID_CARD, True),
        ("110105194912310021", False),
        ("11010519491331002X", False),
        ("11010519491231002", False),
        ("01010519491231002X", False),
    ],
)
def test_identity_numbers(number: str, valid: bool) -> None:
    assert is_id_card(number) is valid
