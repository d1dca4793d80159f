"""Chinese or not, told by the scripts that a text is written in. Not for dialects, nor for languages that share a script."""

from typing import Literal, get_args

from workloads.text.kinds import Kind
from workloads.text.rules.base import Rule
from workloads.text.rules.measured import Measured

Language = Literal["zh", "ja", "ko", "vi", "latin", "other", "none"]
Script = Literal["simplified", "traditional", "mixed", "none"]
SCRIPTS: tuple[Script, ...] = get_args(Script)

_KANA_OF_JAPANESE = 0.1  # of kana and Han; Japanese statutes, the densest in Han, have .3, Chinese that quotes a title .01
_HANGUL_OF_KOREAN = 0.3  # of hangul and Han; learned texts write many words in Han
_LATIN_PER_HAN = 4  # Latin letters that weigh as one Han character: a word has about eight, and stands for two characters
_MARKED_OF_VIETNAMESE = 0.05  # of Latin letters; Vietnamese has .2, French and German no more than .02 of these letters
_MINORITY = 0.15  # of the Han that tell a script; less is a quotation, a name or a slip


def language_of(text: Measured) -> Language:
    """zh, ja, ko, vi; `latin` for English and what else is written in Latin letters; `none` where there are no letters."""
    han, kana, hangul, other = text.han, *(text.count(kind) for kind in (Kind.KANA, Kind.HANGUL, Kind.OTHER_LETTER))
    latin = text.count(Kind.LATIN, Kind.VIETNAMESE)
    weights = {"asian": han + kana + hangul, "latin": latin / _LATIN_PER_HAN, "other": other}
    most = max(weights, key=lambda name: weights[name])
    if not weights[most]:
        return "none"
    if most == "latin":
        return "vi" if text.count(Kind.VIETNAMESE) >= _MARKED_OF_VIETNAMESE * latin else "latin"
    if most == "other":
        return "other"
    if hangul >= _HANGUL_OF_KOREAN * (han + hangul):
        return "ko"
    return "ja" if kana >= _KANA_OF_JAPANESE * (han + kana) else "zh"


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
