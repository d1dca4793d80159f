"""Scripts told apart, and one written in the other."""

import pytest

from tests.workloads.text.rules.good import CLASSICAL, FREE_VERSE, GOOD, MIXED, NEWS, TRADITIONAL
from workloads.text.convert import Target, convert
from workloads.text.rules import Measured
from workloads.text.rules.language import language_of, script_of


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
    ("text", "language"),
    [
        (NEWS, "zh"),
        (TRADITIONAL, "zh"),
        ("昨日、町の図書館で古い地図の展示会が開かれました。", "ja"),
        ("어제 마을 도서관에서 전시회(展示會)가 열렸습니다.", "ko"),
        ("Hôm qua thư viện làng đã mở một cuộc triển lãm bản đồ cổ.", "vi"),
        ("The village library opened an exhibition yesterday.", "latin"),
        ("La bibliothèque du village a ouvert hier une exposition.", "latin"),
        ("Вчера в библиотеке открылась выставка.", "other"),
        ("使用 `git clone` 下载代码后，运行 `pip install` 安装依赖。", "zh"),
        ("12:30 — 14:00", "none"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(Measured(text)) == language


def test_all_sound_text_is_chinese() -> None:
    assert {language_of(Measured(text)) for text in GOOD.values()} == {"zh"}


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
