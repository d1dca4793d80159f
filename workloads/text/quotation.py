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


def fold_choices(text: str) -> str:
    """The folded text without the labels of choices (A. B. C. D.)."""
    return fold(_LABEL.sub("", text))


def quotes(parts: Sequence[str], folded: str) -> bool:
    """Whether the text (see `fold_choices`) holds two of the question's choices one after the other.

    True for an item of fewer than three parts, whose share alone decides, and for one whose choices are too short to tell.
    """
    if len(parts) < _QUESTION_AND_CHOICES:
        return True
    return any(border in folded for border in _borders([fold(part) for part in parts[1:]]))


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
