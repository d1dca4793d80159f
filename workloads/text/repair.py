"""Text that was decoded with the wrong encoding, set right where that is certain. What is not, `mojibake.damage` measures."""

import re
from collections.abc import Iterator

from workloads.text.mojibake import damage
from workloads.text.script import count_han

_LEADS = "銆锛鐨鍦涓浠鏄绗"  # what the first bytes of 、 ， 的 在 中 人 是 第 in UTF-8 become when read as GB18030
_HIGH_LATIN = re.compile("[\u00c0-\u00ff][\u0080-\u00bf\u0152-\u2122]")
_WESTERN = (("cp1252", "utf-8"), ("latin-1", "utf-8"), ("latin-1", "gb18030"))
_CHINESE = (("gb18030", "utf-8"),)
_FEW = 4  # Han characters that chance does not give
_ROUNDS = 2  # text is seldom spoilt more often
_HOLES = {0x81: "\x81", 0x8D: "\x8d", 0x8F: "\x8f", 0x90: "\x90", 0x9D: "\x9d"}  # bytes that cp1252 leaves as they are
_MARK = re.compile("[，。、：；？！“”《》（）]")


def repair(text: str) -> tuple[str, int]:
    """The text, and how many of its lines were set right (0: it is as it was).

    A line is set right if writing it in the wrong encoding and reading it in the right one loses nothing and leaves Chinese
    that is sound. UTF-8 read as GB18030, cp1252 or Latin-1, and GB18030 read as Latin-1 are known, also one after the other.
    """
    ways = tuple(_ways(text))
    if not ways:
        return text, 0
    lines = text.split("\n")
    mended = [_mend(line, ways) for line in lines]
    changed = sum(new != old for new, old in zip(mended, lines, strict=True))
    return ("\n".join(mended), changed) if changed else (text, 0)


def _ways(text: str) -> Iterator[tuple[str, str]]:
    """The wrong ways of which the text has a trace; none in nearly every text, so this is what costs time."""
    if any(lead in text for lead in _LEADS):
        yield from _CHINESE
    if _HIGH_LATIN.search(text):
        yield from _WESTERN


def _mend(line: str, ways: tuple[tuple[str, str], ...]) -> str:
    for _ in range(_ROUNDS):
        undone = next((text for way in ways if (text := _undo(line, *way))), "")
        if not undone:
            break
        line = undone
    return line


def _undo(line: str, wrong: str, right: str) -> str:
    """The line read rightly; empty where that loses something or gives no sound Chinese."""
    try:
        mended = _encode(line, wrong).decode(right)
    except UnicodeError:
        return ""
    return mended if _is_sound(mended, line) else ""


def _encode(line: str, wrong: str) -> bytes:
    if wrong != "cp1252":
        return line.encode(wrong)
    return b"".join(sign.encode("latin-1" if ord(sign) in _HOLES else "cp1252") for sign in line)


def _is_sound(mended: str, line: str) -> bool:
    """Chinese, shorter than what it was spoilt to, and not spoilt itself."""
    han = count_han(mended)
    if han < _FEW and not (han and _MARK.search(mended)):
        return False
    letters = sum(sign > "\x7f" for sign in mended)
    known = han + len(_MARK.findall(mended))
    return len(mended) < len(line) and known >= 0.9 * letters and damage(mended) < 0.05
