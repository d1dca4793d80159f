"""What tables of code points are made from: all that can be a letter, a space or part of a composition."""

import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.uint16]

WHOLE = 0x110000
_ASSIGNED = 0x32400  # from here on no letters, no spaces, nothing that composes (Unicode 17)


@cache
def letters_of_unicode() -> str:
    """Every code point that can be a letter, a space or part of a composition, in order from 0."""
    return "".join(map(chr, range(_ASSIGNED)))


def mark(table: NDArray[np.uint16], pattern: str, bit: int) -> None:
    """Set a bit for the characters that a regular expression's class holds."""
    for found in re.finditer(f"{pattern}+", letters_of_unicode()):
        table[found.start() : found.end()] |= bit


@cache
def composing() -> NDArray[np.intp]:
    """Code points that NFC may change, alone or with the one before: a text without them is in NFC (Unicode Annex 15, 9)."""
    every = letters_of_unicode()
    parts = {character: pair for character in every if (pair := decomposed(character))}
    found = {pair[1] for pair in parts.values() if len(pair) == 2}
    found |= set(map(chr, [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]))  # second and third of Hangul syllables
    found |= {character for character in parts if not unicodedata.is_normalized("NFC", character)}
    found |= {character for character in every if unicodedata.combining(character)}
    return np.array(sorted(map(ord, found)), np.intp)


def decomposed(character: str) -> str:
    """Its canonical decomposition by one step; empty where it has none."""
    parts = unicodedata.decomposition(character)
    return "" if not parts or parts.startswith("<") else "".join(chr(int(part, 16)) for part in parts.split())
