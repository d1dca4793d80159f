"""Which characters count as Han, and their share of a text. Not for telling Simplified from Traditional (see fold.py)."""

import re

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""Inside of a regular-expression class: the ideograph zero and the unified and compatibility ideographs of Unicode 15."""

_HAN_RUN = re.compile(f"[{HAN}]+")


def count_han(text: str) -> int:
    """Number of Han characters."""
    return sum(map(len, _HAN_RUN.findall(text)))


def count_visible(text: str) -> int:
    """Number of characters that are not white space."""
    return sum(map(len, text.split()))


def han_share(text: str) -> float:
    """Han characters among all that are not white space, 0 to 1; 0 for a blank text."""
    visible = count_visible(text)
    return count_han(text) / visible if visible else 0.0
