"""Rules on lines: how they begin and end, and whether they come again. Blank lines are no lines."""

import re
from collections import Counter

from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured

_ENDS = tuple("。！？；：…，、.!?;:,”’」』）)》】〕］]}〉~～—|")
_INNER_MARK = re.compile("[，。！？；]")
_BULLETS = tuple("•●○◦■□▪▫◆◇★☆※·➢►▶‣⁃∙-*+")
_DOTS = ("…", "...", "。。。")
_DOTS_AT_END = re.compile(r"[\u3400-\u9fff”’」』][\s。]*(?:…+|\.{3,}|。{3,})$")
_FEW_LINES = 20
_EXPAND = re.compile(
    r"(?:展开(?:全文|更多)|阅读(?:全文|原文|更多)|查看(?:全文|更多|详情|原文|全部)|继续阅读|点击(?:进入|查看|阅读)|read ?more"
    r"|(?:^|(?<=[\s\[【（(>＞»…．.|·:：，,]))(?:展开|更多|全文|详情|详细|more))"  # ends a sentence too, where a word stands before it
    r"[\s\]】）)>＞»›↓▼∨.…]*$",
    re.IGNORECASE,
)
_EXPAND_LAST = frozenset("开多文情细部读入看eE]】）)>＞»›↓▼∨.…")  # a line that ends otherwise needs no closer look
_LONGEST_EXPAND = 40  # characters; a longer line is prose that ends so


def lines_that(text: Measured, count: int) -> float:
    """Share of the lines."""
    return count / len(text.lines) if text.lines else 0.0


class LineEnds(Rule):
    """Of the characters, those in lines that end in punctuation or hold a mark between clauses. Less than twenty lines tell
    nothing and count as 1: verse may go without any, and so may a small table."""

    name, at_least = "line_ends", True
    meaning = "less than {:.1%} of it stands in lines that have or end in punctuation"

    @classmethod
    def measure(cls, text: Measured) -> float:
        if len(text.lines) < _FEW_LINES:
            return 1.0
        ended = sum(len(line) for line in text.lines if line.endswith(_ENDS) or _INNER_MARK.search(line))
        return ended / text.line_characters


class Bullets(Rule):
    """Lines that begin with a bullet and do not end in punctuation; lists of whole sentences are prose."""

    name, at_least = "bullets", False
    meaning = "more than {:.0%} of its lines are bullets without a sentence"

    @classmethod
    def measure(cls, text: Measured) -> float:
        if len(text.lines) < _FEW_LINES:
            return 0.0
        return lines_that(text, sum(line.startswith(_BULLETS) and not line.endswith(_ENDS[:8]) for line in text.lines))


class Ellipses(Rule):
    """Lines that break off in dots after a Han character."""

    name, at_least = "ellipses", False
    meaning = "more than {:.0%} of its lines break off in dots"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return lines_that(text, sum(line.endswith(_DOTS) and bool(_DOTS_AT_END.search(line)) for line in text.lines))


class ExpandMore(Rule):
    """Short lines that end in 展开, 更多, 阅读全文 and the like: teasers of pages that are elsewhere."""

    name, at_least = "expand_more", False
    meaning = "more than {:.0%} of its lines ask to expand or to read on elsewhere"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return lines_that(text, sum(map(asks_to_expand, text.lines)))


def asks_to_expand(line: str) -> bool:
    """Whether a line without white space at its end is short and ends in 更多, 阅读全文 or the like."""
    return line[-1] in _EXPAND_LAST and len(line) <= _LONGEST_EXPAND and bool(_EXPAND.search(line))


class LineRepetition(Rule):
    """Of the characters, those in lines that stood before."""

    name, at_least = "line_repetition", False
    meaning = "more than {:.0%} of it stands in lines that stood before"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return repeated_characters(text.lines) if text.repeats_lines else 0.0


class ParagraphRepetition(Rule):
    """Of the characters, those in paragraphs (divided by blank lines) that stood before."""

    name, at_least = "paragraph_repetition", False
    meaning = "more than {:.0%} of it stands in paragraphs that stood before"

    @classmethod
    def measure(cls, text: Measured) -> float:
        if not text.repeats_paragraphs:
            return 0.0
        return repeated_characters([part for part in text.text.split("\n\n") if part and not part.isspace()])


def repeated_characters(parts: list[str]) -> float:
    """Of all their characters, the share of those in parts that came before. Parts without a letter do not count: rulers of
    tables are drawn again and again."""
    if len(set(parts)) == len(parts):
        return 0.0
    repeated = sum(
        (times - 1) * len(part) for part, times in Counter(parts).items() if times > 1 and any(map(str.isalnum, part))
    )
    return repeated / sum(map(len, parts))
