"""Copies: exact, with a few characters edited, and in the Traditional script."""

import random

import zhconv_rs

from workloads.corpus.demo.noise.base import Copy

_LEAST_JACCARD = 0.84  # well over the usual threshold of 0.8, so that missing a planted copy is a miss and no matter of taste
_TYPOS = "的了是在有不和人这上大来到说时要就出会可也你对生能而子那得"


class ExactDuplicate(Copy):
    kind = "exact_duplicate"
    share = 0.03

    def copy(self, text: str, rng: random.Random) -> str:
        return text


class NearDuplicate(Copy):
    """1 to 3 in a hundred characters replaced, dropped or doubled, but still a near duplicate by its 5-grams."""

    kind = "near_duplicate"
    share = 0.03

    def copy(self, text: str, rng: random.Random) -> str:
        edits = max(1, round(len(text) * rng.uniform(0.01, 0.03)))
        while True:
            edited = _mistype(text, edits, rng)
            if edited != text and (edits == 1 or jaccard(text, edited) >= _LEAST_JACCARD):
                return edited
            edits = max(1, edits - 1)


class TraditionalTwin(Copy):
    kind = "traditional_twin"
    share = 0.02

    def copy(self, text: str, rng: random.Random) -> str:
        return zhconv_rs.zhconv(text, "zh-hant")


def _mistype(text: str, edits: int, rng: random.Random) -> str:
    characters = list(text)
    for place in rng.sample([i for i, one in enumerate(text) if "一" <= one <= "鿿"], edits):
        change = rng.random()
        if change < 0.5:
            characters[place] = rng.choice(_TYPOS)
        else:
            characters[place] = "" if change < 0.75 else characters[place] * 2
    return "".join(characters)


def jaccard(first: str, second: str, size: int = 5) -> float:
    """Of the sets of `size`-grams of letters and digits; 1 where both are shorter than that."""
    one, other = shingles(first, size), shingles(second, size)
    return len(one & other) / len(one | other) if one | other else 1.0


def shingles(text: str, size: int = 5) -> set[str]:
    letters = "".join(character for character in text if character.isalnum())
    return {letters[i : i + size] for i in range(len(letters) - size + 1)}
