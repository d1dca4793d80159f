"""What a rule is: a name, one number measured on a text, and a threshold on one side of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from workloads.text.rules.measured import Measured


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a document: the measured value and the threshold stand beside the decision."""

    keep: bool
    rule: str = ""
    value: float = 0.0
    threshold: float = 0.0


KEEP = Verdict(True)


class Rule(ABC):
    """One measure and one threshold. `name` is the reason in every report, `meaning` says it in words with `{}` for the
    threshold; `at_least` tells which side is kept."""

    name: ClassVar[str]
    at_least: ClassVar[bool]
    meaning: ClassVar[str]

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    @classmethod
    @abstractmethod
    def measure(cls, text: Measured) -> float:
        """The value that is compared with the threshold."""

    def keeps(self, value: float) -> bool:
        return value >= self.threshold if self.at_least else value <= self.threshold

    def judge(self, text: Measured) -> Verdict:
        value = self.measure(text)
        return KEEP if self.keeps(value) else Verdict(False, self.name, value, self.threshold)
