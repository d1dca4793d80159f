"""Setting right what was decoded wrongly: only where it is certain."""

import codecs

import pytest

from workloads.text.mojibake import damage
from workloads.text.repair import repair

SOUND = (
    "立春那天，城南的老木匠陈师傅照例起了个大早，把铺子门前的雪扫得干干净净。",
    "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。",
    "第一条　为了规范经营活动，制定本办法。",
    "锛子、刨子和凿子是木匠的三样家什，鍦是古字。",
    "Café Müller 的 naïve 先生说：“温度是 20°±2 ×10”。",
    "Ça va très bien, où êtes-vous né à l'école?",
    "銆鐨鍦涓浠鏄绗锛",
    "",
    "plain",
)
WAYS = [("utf-8", "cp1252"), ("utf-8", "latin-1"), ("gb18030", "latin-1"), ("utf-8", "gb18030")]


def spoil(text: str, right: str, wrong: str) -> str:
    data = text.encode(right)
    if wrong == "cp1252":  # as browsers and most programs do it
        return "".join(chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252") for byte in data)
    return data.decode(wrong, "as_browsers_do")


def euro(error: UnicodeError) -> tuple[str, int]:
    """Browsers read byte 0x80, which GB18030 leaves free, as the sign that Windows has there."""
    assert isinstance(error, UnicodeDecodeError)
    if error.object[error.start] != 0x80:
        raise error
    return "€", error.start + 1


codecs.register_error("as_browsers_do", euro)


def lossless(text: str, right: str, wrong: str) -> str:
    """The longest beginning that is not harmed: UTF-8 read as GB18030 seldom comes out even."""
    for size in range(len(text), 3, -1):
        try:
            spoil(text[:size], right, wrong)
        except UnicodeDecodeError:
            continue
        return text[:size]
    raise AssertionError(text)


@pytest.mark.parametrize("text", SOUND)
def test_sound_text_stays(text: str) -> None:
    assert repair(text) == (text, 0)


@pytest.mark.parametrize(("right", "wrong"), WAYS)
@pytest.mark.parametrize("text", SOUND[:3])
def test_what_loses_nothing_is_undone(text: str, right: str, wrong: str) -> None:
    text = lossless(text, right, wrong)
    spoilt = spoil(text, right, wrong)
    assert spoilt != text
    assert repair(spoilt) == (text, 1)


def test_twice_spoilt() -> None:
    assert repair(spoil(spoil(SOUND[0], "utf-8", "cp1252"), "utf-8", "cp1252")) == (SOUND[0], 1)


def test_lines_are_judged_one_by_one() -> None:
    text = "\n".join([SOUND[0], spoil(SOUND[1], "utf-8", "latin-1"), "code = 1", spoil(SOUND[2], "utf-8", "cp1252")])
    assert repair(text) == ("\n".join([SOUND[0], SOUND[1], "code = 1", SOUND[2]]), 2)


def test_lines_too_short_to_tell_follow_the_others() -> None:
    text = "\n".join([SOUND[0], "○王", "sprintf、_sp", "好", "x = 1", "100°"])
    assert repair(spoil(text, "utf-8", "latin-1")) == (text.replace("100°", spoil("100°", "utf-8", "latin-1")), 4)


def test_what_lost_something_stays_for_the_rule() -> None:
    lossy = (SOUND[0] + "完").encode().decode("gb18030", "replace")
    assert repair(lossy) == (lossy, 0)
    assert damage(lossy) > 0.25
