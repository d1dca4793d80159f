"""The word list: read from lines, found whatever script, width and case, with exceptions; places are those of the text."""

import sys

import pytest

from cluster.errors import DependencyError
from workloads.text.lexicon import Lexicon, LexiconSearch, context_of, count_hits, flatten, read_words

LEXICON = Lexicon(
    (("赌博", "涉赌"), ("澳门赌场", "涉赌"), ("vip会员", "营销"), ("发票", "营销"), ("发票", "财税")), ("发票管理办法",)
)


def found(text: str) -> list[tuple[str, str, str]]:
    return [(text[hit.start : hit.stop], hit.word, hit.category) for hit in LexiconSearch(LEXICON).find(text)]


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("严禁赌博。", [("赌博", "赌博", "涉赌")]),
        ("嚴禁賭博。", [("賭博", "赌博", "涉赌")]),
        ("充值ＶＩＰ會員", [("ＶＩＰ會員", "vip会员", "营销")]),
        ("𠮷🎲赌博", [("赌博", "赌博", "涉赌")]),
        ("代开发票", [("发票", "发票", "营销"), ("发票", "发票", "财税")]),
        ("依照发票管理办法", []),
        ("依照发票管理办法，代开发票", [("发票", "发票", "营销"), ("发票", "发票", "财税")]),
        ("赌 博", []),
        ("", []),
    ],
)
def test_found(text: str, hits: list[tuple[str, str, str]]) -> None:
    assert found(text) == hits


def test_flat_text_has_as_many_characters() -> None:
    text = "\ud83d半ＡｂＣ①㈱…𠮷龍后皇后ﬁ\u0130"
    assert len(flatten(text)) == len(text)
    assert flatten("ＡＢＣ龍") == "abc龙"


def test_words_of_a_file() -> None:
    data = '\ufeff# 说明\n赌博,涉赌\n\n发票\t财税\n 会员 \n"引号",\n,无词\n'
    assert read_words(data, "清单") == [("赌博", "涉赌"), ("发票", "财税"), ("会员", "清单"), ("引号", "清单")]


def test_another_list_has_another_fingerprint() -> None:
    assert Lexicon(LEXICON.words[::-1], LEXICON.exceptions).fingerprint == LEXICON.fingerprint
    others = {Lexicon(LEXICON.words[1:]), Lexicon(LEXICON.words), Lexicon((("赌博", "别的"),)), Lexicon((("赌博", "涉赌"),))}
    assert len({each.fingerprint for each in (LEXICON, *others)}) == 5


def test_context_and_counts() -> None:
    text = "前面的话很长，\n严禁赌博，后面的话也很长。"
    hits = LexiconSearch(LEXICON).find(text)
    assert context_of(text, hits[0], 4) == "， 严禁赌博，后面的"
    assert count_hits(hits * 2) == {"涉赌": 2}


def test_without_the_package_the_error_names_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    with pytest.raises(DependencyError, match=r"hanlin\[lexicon\]"):
        LexiconSearch(LEXICON)
