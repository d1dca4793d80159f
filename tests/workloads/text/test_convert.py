"""Scripts told apart, and one written in the other."""

import pytest

from tests.workloads.text.rules.good import CLASSICAL, FREE_VERSE, MIXED, NEWS, TRADITIONAL
from workloads.text.convert import Target, convert
from workloads.text.rules import Measured
from workloads.text.rules.language import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (NEWS, "simplified"),
        (FREE_VERSE, "simplified"),
        (CLASSICAL, "simplified"),
        (TRADITIONAL, "traditional"),
        (MIXED, "mixed"),
        (NEWS + "書名《臺灣通史》。", "simplified"),
        ("皇后在后宫里", "simplified"),
        ("天干物燥，小心火星。", "none"),
        ("皇后回到后院里。", "none"),
        ("plain text", "none"),
        ("", "none"),
    ],
)
def test_script(text: str, script: str) -> None:
    assert script_of(Measured(text)) == script


@pytest.mark.parametrize(
    ("text", "target", "written"),
    [
        ("圖書館裡有軟體。", "simplified", "图书馆里有软体。"),
        ("皇后洗了头发，后来在图书馆吃面条。", "traditional", "皇后洗了頭髮，後來在圖書館吃麵條。"),
        (f"{NEWS}书名《說文》。", "simplified", f"{NEWS}书名《說文》。"),
        ("圖書館", "none", "圖書館"),
        ("plain", "traditional", "plain"),
    ],
)
def test_conversion(text: str, target: Target, written: str) -> None:
    assert convert(text, script_of(Measured(text)), target) == written
