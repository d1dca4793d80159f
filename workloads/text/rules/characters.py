"""Rules that need no more than the characters' kinds: length, Han, digits, variety, marks between clauses."""

from workloads.text.kinds import Kind
from workloads.text.measure import WINDOW
from workloads.text.mojibake import damage
from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured


class Mojibake(Rule):
    """Share of the text that a wrong encoding has damaged."""

    name, at_least = "mojibake", False
    meaning = "more than {:.0%} of the text is damaged by a wrong encoding"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return damage(text.text)


class Length(Rule):
    """Characters of the cleaned text."""

    name, at_least = "length", True
    meaning = "shorter than {:.0f} characters"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return float(len(text.text))


class HanShare(Rule):
    """Han among all visible characters."""

    name, at_least = "han_share", True
    meaning = "less than {:.0%} of it is Han"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.share(text.han)


class Digits(Rule):
    """Digits among all visible characters."""

    name, at_least = "digits", False
    meaning = "more than {:.0%} of it are digits"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.share(text.count(Kind.DIGIT))


class Sentences(Rule):
    """Marks between clauses, and ends of lines, per visible character. Chinese prose has .08 to .15 (measured), a list of
    keywords in one line almost none; verse without punctuation has its line ends."""

    name, at_least = "sentences", True
    meaning = "less than {:.1%} of it are marks between clauses or ends of lines"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.share(text.count(Kind.CLAUSE_MARK) + max(0, len(text.lines) - 1))


class Unique(Rule):
    """Different ones among the first 1,000 visible characters, over their number or 1,000, whichever is less."""

    name, at_least = "unique", True
    meaning = "less than {:.1%} of the first 1,000 characters differ from those before"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.different / min(text.visible, WINDOW) if text.visible else 0.0


class Entropy(Rule):
    """Shannon entropy of the visible characters, bits."""

    name, at_least = "entropy", True
    meaning = "its characters carry less than {:g} bits each"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.entropy
