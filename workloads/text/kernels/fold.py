"""Folding a column by looking every code point up."""

from functools import cache
from unicodedata import is_normalized

import numpy as np

from workloads.text.codes import Offsets, Points
from workloads.text.fold import fold_character, simplify
from workloads.text.kernels.characters import WHOLE, letters_of_unicode
from workloads.text.kernels.compiled import compiled

_SEVERAL = 1 << 31  # beside it: where in `more` the length of what a character becomes stands, before it


@cache
def table() -> tuple[Points, Points]:
    """(`single`, `more`): what each code point becomes, 0 for nothing; where it becomes several, they stand in `more`.

    Only what is not its own folded form is folded by itself, which takes a tenth of a second instead of one. No word can form
    over a newline, so that one call simplifies every character apart.
    """
    every = letters_of_unicode()
    single, more = np.zeros(WHOLE, np.uint32), [0]
    letters = "\n".join(character if character.isalnum() else "" for character in every)
    for place, (character, simple) in enumerate(zip(every, simplify(letters).split("\n"), strict=True)):
        if character == simple == character.lower() and is_normalized("NFKC", character):
            single[place] = place
        elif simple or not is_normalized("NFKC", character):
            folded = fold_character(character)
            if len(folded) > 1:
                single[place] = _SEVERAL | len(more)
                more += [len(folded), *map(ord, folded)]
            elif folded:
                single[place] = ord(folded)
    return single, np.array(more, np.uint32)


@compiled
def fold_points(points: Points, offsets: Offsets, single: Points, more: Points) -> tuple[Points, Offsets]:
    """Every text folded."""
    size = 0
    for point in points:
        value = single[point]
        size += more[value & ~np.uint32(_SEVERAL)] if value & _SEVERAL else value != 0
    out = np.empty(size, np.uint32)
    begins = np.empty(len(offsets), np.int64)
    at = 0
    for text in range(len(offsets) - 1):
        begins[text] = at
        for place in range(offsets[text], offsets[text + 1]):
            value = single[points[place]]
            if value & _SEVERAL:
                first = np.int64(value & ~np.uint32(_SEVERAL))
                for letter in range(more[first]):
                    out[at] = more[first + 1 + letter]
                    at += 1
            elif value:
                out[at] = value
                at += 1
    begins[len(offsets) - 1] = at
    return out, begins
