"""Rules on what is not prose: tags, links, code, 【】."""

import re

from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured

_TAG = re.compile(r"</?[A-Za-z!?][^<>]{0,4000}>")
_URL = re.compile(r"(?:https?://|ftp://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_BRACKETS = re.compile(r"【[^】\n]{0,200}】")
_HAN = re.compile("[\u3400-\u9fff]")
_CODE_SIGN = re.compile(r"[{}();=<>\[\]\\$#&*_]|//|->|::|\w\.\w")


class Tags(Rule):
    """Visible characters inside of HTML or XML tags."""

    name, at_least = "tags", False
    meaning = "more than {:.0%} of it are tags of a markup language"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return _covered(text, _TAG) if "<" in text.text else 0.0


class Urls(Rule):
    """Characters of links."""

    name, at_least = "urls", False
    meaning = "more than {:.0%} of it are links"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return _covered(text, _URL) if "://" in text.text or "www." in text.text else 0.0


class Brackets(Rule):
    """Characters inside of 【】."""

    name, at_least = "brackets", False
    meaning = "more than {:.0%} of it stands in 【】"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return _covered(text, _BRACKETS) if "【" in text.text else 0.0


def _covered(text: Measured, pattern: re.Pattern[str]) -> float:
    """Share of the visible characters that the pattern covers."""
    return text.share(sum(len(part) - part.count(" ") - part.count("\n") for part in pattern.findall(text.text)))


class Code(Rule):
    """Of the characters, those in lines without Han that have a sign of code in them."""

    name, at_least = "code", False
    meaning = "more than {:.0%} of it are lines of code"

    @classmethod
    def measure(cls, text: Measured) -> float:
        code = sum(len(line) for line in text.lines if not _HAN.search(line) and _CODE_SIGN.search(line))
        return code / text.line_characters if text.lines else 0.0
