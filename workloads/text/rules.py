"""Rules that keep or drop a document by one number measured on its text. A new rule: subclass `Rule`, list it in `RULES`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from workloads.text.mojibake import damage
from workloads.text.quality import clause_share, entropy
from workloads.text.repetition import repeated_share
from workloads.text.script import han_share


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a document: the measured value stands beside the decision."""

    keep: bool
    rule: str
    value: float


class Rule(ABC):
    """One measure and one threshold. `name` is the reason in every report; `at_least` tells which side is kept."""

    name: ClassVar[str]
    at_least: ClassVar[bool]

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    @abstractmethod
    def measure(self, text: str) -> float:
        """The value that is compared with the threshold."""

    def judge(self, text: str) -> Verdict:
        value = self.measure(text)
        keep = value >= self.threshold if self.at_least else value <= self.threshold
        return Verdict(keep, self.name, value)


class Damage(Rule):
    """Mojibake and replacement characters (share of the text)."""

    name, at_least = "mojibake", False

    def measure(self, text: str) -> float:
        return damage(text)


class Length(Rule):
    """Characters of the cleaned text."""

    name, at_least = "length", True

    def measure(self, text: str) -> float:
        return float(len(text))


class HanShare(Rule):
    """Han among all visible characters."""

    name, at_least = "han_share", True

    def measure(self, text: str) -> float:
        return han_share(text)


class Repetition(Rule):
    """Share of 10-grams of letters that were said before."""

    name, at_least = "repetition", False

    def measure(self, text: str) -> float:
        return repeated_share(text)


class Variety(Rule):
    """Entropy of the characters, bits."""

    name, at_least = "variety", True

    def measure(self, text: str) -> float:
        return entropy(text)


class Sentences(Rule):
    """Marks of clauses per visible character: lists of keywords have none."""

    name, at_least = "sentences", True

    def measure(self, text: str) -> float:
        return clause_share(text)


RULES: tuple[type[Rule], ...] = (Damage, Length, HanShare, Repetition, Variety, Sentences)
"""In the order in which they are asked; the first that drops a document is its reason."""

RULE_NAMES: tuple[str, ...] = tuple(rule.name for rule in RULES)


def build_rules(thresholds: Mapping[str, float]) -> list[Rule]:
    """The rules that have a threshold, in the fixed order."""
    return [rule(thresholds[rule.name]) for rule in RULES if rule.name in thresholds]


def judge(text: str, rules: Sequence[Rule]) -> Verdict:
    """The first verdict that drops the text, else one that keeps it."""
    for rule in rules:
        verdict = rule.judge(text)
        if not verdict.keep:
            return verdict
    return Verdict(True, "", 0.0)
