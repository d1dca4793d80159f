"""Text that was decoded with the wrong encoding, set right where that is certain. What is not, `mojibake.damage` measures."""

import re
from collections.abc import Iterator, Sequence

from workloads.text.mojibake import damage
from workloads.text.script import HAN, count_han

_LEADS = "銆锛鐨鍦涓浠鏄绗"  # what the first bytes of 、 ， 的 在 中 人 是 第 in UTF-8 become when read as GB18030
_HIGH_LATIN = re.compile("[\u00c0-\u00ff][\u0080-\u00bf\u0152-\u2122]")
_WESTERN = (("cp1252", "utf-8"), ("latin-1", "utf-8"), ("latin-1", "gb18030"))
_CHINESE = (("gb18030", "utf-8"),)
_FEW = 4  # Han characters that chance does not give
_ROUNDS = 2  # text is seldom spoilt more often
_HOLES = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))  # bytes that cp1252 leaves free
_CHINESE_SIGN = re.compile(f"[{HAN}\u3000-\u303f\uff01-\uff5e“”‘’…—]")
_MARK = re.compile("[，。、：；？！“”《》（）]")


def repair(text: str) -> tuple[str, int]:
    """The text, and how many of its lines were set right (0: it is as it was).

    A line is set right if writing it in the wrong encoding and reading it in the right one loses nothing and leaves Chinese
    that is sound. UTF-8 read as GB18030, cp1252 or Latin-1, and GB18030 read as Latin-1 are known, also one after the other.
    The way that set a line right is then believed for lines of the same text that are too short to tell.
    """
    ways = tuple(_ways(text))
    if not ways:
        return text, 0
    lines = text.split("\n")
    mended = [_mend(line, ways) for line in lines]
    if mended == lines:
        return text, 0
    proven = [
        way for way in ways if any(new != old and _undo(old, *way) == new for new, old in zip(mended, lines, strict=True))
    ]
    mended = [new if new != old else _follow(old, proven) for new, old in zip(mended, lines, strict=True)]
    return "\n".join(mended), sum(new != old for new, old in zip(mended, lines, strict=True))


def _follow(line: str, proven: Sequence[tuple[str, str]]) -> str:
    """The line read in a way that other lines have proven, if it becomes shorter and Chinese by it."""
    if line.isascii():
        return line
    undone = (_undo(line, *way) for way in proven)
    return next((each for each in undone if each and len(each) < len(line) and _CHINESE_SIGN.search(each)), line)


def _ways(text: str) -> Iterator[tuple[str, str]]:
    """The wrong ways of which the text has a trace; none in nearly every text, so this is what costs time."""
    if any(lead in text for lead in _LEADS):
        yield from _CHINESE
    if _HIGH_LATIN.search(text):
        yield from _WESTERN


def _mend(line: str, ways: tuple[tuple[str, str], ...], rounds: int = _ROUNDS) -> str:
    """The line set right, or as it is."""
    once = [undone for way in ways if way[1] == "utf-8" and (undone := _undo(line, *way))]
    if not once:  # bytes are valid UTF-8 hardly ever by chance, but often GB18030
        once = [undone for way in ways if way[1] != "utf-8" and (undone := _undo(line, *way))]
    right = next((undone for undone in once if _is_sound(undone, line)), "")
    if right or rounds == 1:
        return right or line
    return next((again for undone in once if (again := _mend(undone, ways, rounds - 1)) != undone), line)


def _undo(line: str, wrong: str, right: str) -> str:
    """The line written in the wrong encoding and read in the right one; empty where that loses something or nothing changes."""
    try:
        undone = _encode(line, wrong).decode(right)
    except UnicodeError:
        return ""
    return undone if undone != line else ""


def _encode(line: str, wrong: str) -> bytes:
    """As the programs do it that spoil text: they take bytes that an encoding leaves free for a sign each."""
    if wrong == "cp1252":
        return b"".join(sign.encode("latin-1" if ord(sign) in _HOLES else "cp1252") for sign in line)
    if wrong == "gb18030":
        return b"\x80".join(part.encode("gb18030") for part in line.split("€"))
    return line.encode(wrong)


def _is_sound(mended: str, line: str) -> bool:
    """Chinese, shorter than what it was spoilt to, and not spoilt itself."""
    han = count_han(mended)
    if han < _FEW and not (han and _MARK.search(mended)):
        return False
    letters = sum(sign > "\x7f" for sign in mended)
    known = han + len(_MARK.findall(mended))
    return len(mended) < len(line) and known >= 0.9 * letters and damage(mended) < 0.05
