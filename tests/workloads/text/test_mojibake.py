"""How much of a text is damage by a wrong encoding; sound text of rare signs has none."""

import pytest

from workloads.text.mojibake import damage

POEM = "减字木兰花\n舞台歌院。\n雨后西风寒翦翦。\n翠掩屏风。\n花与残霞一样红。\n宫裀隐绣。\n香软巧随莲步绉。\n不怕露寒。\n日日拼教醉画栏。"


def test_sound_text_scores_nothing() -> None:
    """Written as GB18030, ten of this poem's bytes are Han of UTF-8 by chance."""
    assert damage(POEM) == 0
    assert damage("") == 0


@pytest.mark.parametrize(("written", "read"), [("utf-8", "gb18030"), ("utf-8", "latin-1"), ("gb18030", "latin-1")])
def test_text_read_with_the_wrong_encoding_is_damage(written: str, read: str) -> None:
    assert damage(POEM.encode(written).decode(read, "replace")) > 0.25
