"""Chinese or not, told by the scripts that a text is written in. Not for dialects, nor for languages that share a script."""

from typing import Literal, get_args

from workloads.text.kinds import Kind
from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured

Script = Literal["simplified", "traditional", "mixed", "none"]
SCRIPTS: tuple[Script, ...] = get_args(Script)

_LATIN_PER_HAN = 4  # Latin letters that weigh as one Han character: a word has about eight, and stands for two characters
_MINORITY = 0.15  # of the Han that tell a script; less is a quotation, a name or a slip


class ForeignScript(Rule):
    """Kana, hangul and letters that are neither Han nor Latin, among all letters, Latin ones at a quarter: in Chinese four
    of them say as much as one Han character. English falls to `han_share`, since code and product names are Latin too."""

    name, at_least = "language", False
    meaning = "more than {:.0%} of its letters are kana, hangul or another foreign script"

    @classmethod
    def measure(cls, text: Measured) -> float:
        foreign = text.count(Kind.KANA, Kind.HANGUL, Kind.OTHER_LETTER)
        latin = text.count(Kind.LATIN, Kind.VIETNAMESE) / _LATIN_PER_HAN
        return foreign / (text.han + foreign + latin) if foreign else 0.0


def script_of(text: Measured) -> Script:
    """The Chinese script, from the characters that only one of the two writes; `none` where there is none of them."""
    simplified, traditional = text.count(Kind.SIMPLIFIED), text.count(Kind.TRADITIONAL)
    if not simplified + traditional:
        return "none"
    share = traditional / (simplified + traditional)
    if share < _MINORITY:
        return "simplified"
    return "traditional" if share > 1 - _MINORITY else "mixed"
