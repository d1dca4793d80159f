"""The recipe's `corpus.rules`: a threshold for every rule of workloads/text/rules; null switches a rule off.

The defaults leave good text of many genres alone; how they were chosen: docs/decisions/0007-rules.md.
"""

from pydantic import Field

from cluster.config import Spec


def _least(default: float, description: str, most: float | None = 1) -> float | None:
    return Field(default=default, ge=0, le=most, description=description)


def _most(default: float, description: str) -> float | None:
    return Field(default=default, ge=0, le=1, description=description)


class RulesSpec(Spec):
    """Thresholds on the cleaned text, in the order in which the rules are asked."""

    length: float | None = _least(20, "least characters", None)
    mojibake: float | None = _most(0.25, "largest share of text damaged by a wrong encoding")
    language: float | None = _most(0.2, "largest share of kana, hangul and other foreign letters")
    han_share: float | None = _least(0.1, "least share of Han among the visible characters")
    digits: float | None = _most(0.5, "largest share of digits among the visible characters")
    unique: float | None = _least(0.02, "least share of different ones among the first 1,000 characters")
    entropy: float | None = _least(3.0, "least entropy of the characters, in bits", None)
    line_repetition: float | None = _most(0.65, "largest share of characters in lines that stood before")
    paragraph_repetition: float | None = _most(0.5, "largest share of characters in paragraphs that stood before")
    sentences: float | None = _least(0.004, "least marks between clauses and ends of lines per visible character")
    line_ends: float | None = _least(0.02, "least share of characters in lines that have or end in punctuation")
    bullets: float | None = _most(0.95, "largest share of lines that are bullets without a sentence")
    ellipses: float | None = _most(0.3, "largest share of lines that break off in dots")
    expand_more: float | None = _most(0.3, "largest share of lines that ask to expand or to read on elsewhere")
    tags: float | None = _most(0.8, "largest share of tags of a markup language")
    urls: float | None = _most(0.75, "largest share of links")
    brackets: float | None = _most(0.2, "largest share of text in 【】")
    code: float | None = _most(0.9, "largest share of lines of code, by characters")
    keywords: float | None = _most(0.3, "largest share of lists of keywords")
    advertising: float | None = _most(0.02, "largest share of phrases of advertising among the Han")
    duplicate_13gram: float | None = _most(0.72, "largest share of 13 letters in a row that were said before")
    duplicate_12gram: float | None = _most(0.74, "the same for 12 letters")
    duplicate_11gram: float | None = _most(0.75, "the same for 11 letters")
    duplicate_10gram: float | None = _most(0.76, "the same for 10 letters")
    duplicate_9gram: float | None = _most(0.78, "the same for 9 letters")
    duplicate_8gram: float | None = _most(0.8, "the same for 8 letters")
    duplicate_7gram: float | None = _most(0.82, "the same for 7 letters")
    duplicate_6gram: float | None = _most(0.84, "the same for 6 letters")
    duplicate_5gram: float | None = _most(0.86, "the same for 5 letters")
    top_2gram: float | None = _most(0.3, "largest share of text that the most frequent 2 letters in a row cover")
    top_3gram: float | None = _most(0.37, "the same for 3 letters")
    top_4gram: float | None = _most(0.45, "the same for 4 letters")

    def thresholds(self) -> dict[str, float]:
        """By name, of the rules that are on."""
        return {name: float(value) for name, value in self.to_json().items() if isinstance(value, int | float)}
