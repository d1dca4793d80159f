"""Whether a text that shares much with an exam question quotes the question, or is what the question quotes.

A statute holds most of a question about it, word for word, and must stay in the corpus; a leaked question stands there with its choices
one after the other, which no statute has. Not for finding candidates: see overlap.py.
"""

import re
from collections.abc import Sequence

from workloads.text.fold import fold

_LABEL = re.compile(r"[（(]?(?<![A-Za-zＡ-Ｚ])[A-HＡ-Ｈ][)）.．、:：,，]\s?")  # of a choice
_WINDOW = 13  # characters that span the border of two choices
_LEAST = 4  # of choices shorter than that together nothing can be said
_QUESTION_AND_CHOICES = 3  # parts from which the later ones are choices
_QUESTION_END, _CHOICE_BEGIN = 6, 4  # characters around the first choice
_LEAST_OPENING = 10  # characters; shorter ones stand in texts by chance


def fold_choices(text: str, folded: str | None = None) -> str:
    """The folded text without the labels of choices (A. B. C. D.). `folded`: the text folded as it is, which is the same where
    there are no labels, as mostly."""
    bare, labels = _LABEL.subn("", text)
    return fold(bare) if labels or folded is None else folded


def quotes(parts: Sequence[str], folded: str) -> bool:
    """Whether the text (see `fold_choices`) holds two of the question's choices one after the other.

    True for an item of fewer than three parts, whose share alone decides, and for one whose choices are too short to tell.
    """
    if len(parts) < _QUESTION_AND_CHOICES:
        return True
    return any(border in folded for border in _borders([fold(part) for part in parts[1:]]))


def opens(parts: Sequence[str], folded: str) -> bool:
    """Whether the text (see `fold_choices`) holds the end of the question, its first choice and the beginning of the second
    in a row. No statute does, and a leak of which the rest was lost still does: it tells one even where little of the item
    is there. False for an item without choices, and for one too short to tell."""
    if len(parts) < _QUESTION_AND_CHOICES:
        return False
    question, first, second = map(fold, parts[:_QUESTION_AND_CHOICES])
    opening = question[-_QUESTION_END:] + first + second[:_CHOICE_BEGIN]
    return bool(question and first and second) and len(opening) >= _LEAST_OPENING and opening in folded


def _borders(choices: Sequence[str]) -> list[str]:
    """What stands around each border of the choices when they follow each other."""
    whole = "".join(choices)
    if len(whole) < _LEAST:
        return [""]
    borders, at = [], 0
    for choice in choices[:-1]:
        at += len(choice)
        start = max(0, min(at - _WINDOW // 2, len(whole) - _WINDOW))
        borders.append(whole[start : start + _WINDOW])
    return borders
