"""Rules whose measure the user has taught: quality, and how surprising a text is after the user's reference text."""

from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured


class Quality(Rule):
    """The probability that a text is one of the good ones from which the model has learned."""

    name, at_least = "quality", True
    meaning = "scores less than {:.2f} with the quality model"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.quality


class HighPerplexity(Rule):
    """Bits per character: text that is unlike the reference, such as shuffled characters or another language."""

    name, at_least = "high_perplexity", False
    meaning = "costs more than {:.2f} bits per character after the reference text"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.perplexity


class LowPerplexity(Rule):
    """Bits per character: text that the reference says already, such as a form filled in a thousand times."""

    name, at_least = "low_perplexity", True
    meaning = "costs less than {:.2f} bits per character after the reference text"

    @classmethod
    def measure(cls, text: Measured) -> float:
        return text.perplexity


LEARNED: tuple[type[Rule], ...] = (Quality, HighPerplexity, LowPerplexity)
