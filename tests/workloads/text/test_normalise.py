"""Normalising and folding: what is unified, what stays as written."""

import pytest

from workloads.text.fold import fold
from workloads.text.normalise import normalise
from workloads.text.script import count_han, han_share

PUNCTUATION = "，。！？：；“”‘’（）《》、…—【】"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("一\r\n二\r三\u2028四\x85五", "一\n二\n三\n四\n五"),
        ("\ufeff春\u200b眠\u200d不\u00ad觉\x00晓\x1b", "春眠不觉晓"),
        ("ＡＢＣ１２３ａｂｃ", "ABC123abc"),
        ("电话１３８，编号Ａ７。", "电话138，编号A7。"),
        ("今 天 天 气 很 好", "今天天气很好"),
        ("他说 ， “ 好 ” 。", "他说，“好”。"),
        ("使用 Python 3 编写", "使用 Python 3 编写"),
        ("\u3000\u3000段首缩进。\n    又一段。", "段首缩进。\n又一段。"),
        ("def f():\n    return 1", "def f():\n    return 1"),
        ("行尾空格  \t\n\n\n\n下一段", "行尾空格\n\n下一段"),
        ("半个\ud83d字", "半个字"),
        ("e\u0301", "\u00e9"),
        ("  \n\n ", ""),
    ],
)
def test_normalise(raw: str, clean: str) -> None:
    assert normalise(raw) == clean


def test_chinese_punctuation_stays_as_written() -> None:
    assert normalise(f"甲{PUNCTUATION}乙") == f"甲{PUNCTUATION}乙"


@pytest.mark.parametrize("text", ["一 二\r\nＡ　\u200b", "    代码 code\n\tx", "甲 ，乙\n\n\n\n丙 丁"])
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("漢字轉換，頭髮與發展。", "汉字转换，头发与发展。"),
        ("蘋果鍾情，答覆憑藉，其餘一釐。", "苹果钟情，答复凭借，其余一厘。"),
        ("ＡＢＣ　１２３", "abc123"),
        ("他说：“好！”", "他说好"),
        ("第①节", "第1节"),
    ],
)
def test_what_a_fingerprint_does_not_tell_apart(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_a_fingerprint_tells_different_text_apart() -> None:
    assert fold("春天种树") != fold("秋天种树")


def test_han() -> None:
    assert count_han("汉字 abc 㐀𠀀〇。") == 5
    assert han_share("汉字ab") == 0.5
    assert han_share(" \n") == 0.0
