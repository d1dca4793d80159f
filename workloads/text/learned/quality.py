"""How good a text is: a linear model over its character n-grams, as a probability. Not for learning one: see teach_quality.py.

A document's first characters are looked at. Its features are the logarithms of how often each n-gram of 1 to 3 characters
occurs, hashed into 2^18 buckets (Weinberger et al. 2009) and scaled to length 1, so that long texts count as short ones do.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes

LONGEST_GRAM = 3
BUCKET_BITS = 18
CHARACTERS = 3_000  # enough to tell (measured: docs/decisions/0013-learned-filters.md)

Buckets = NDArray[np.int32]
Values = NDArray[np.float32]


@dataclass(frozen=True)
class QualityModel:
    """`weights`: one for each of 2^n buckets, float32. A positive sum means more like the good texts than the bad ones."""

    weights: Values
    bias: float
    longest_gram: int = LONGEST_GRAM
    characters: int = CHARACTERS

    def score(self, text: str) -> float:
        """The probability that the text is from the good pile, where as many texts are from either."""
        buckets, values = features(text[: self.characters], self.longest_gram, len(self.weights).bit_length() - 1)
        return logistic(self.bias + float((self.weights[buckets] * values).sum(dtype=np.float64)))


def features(text: str, longest: int = LONGEST_GRAM, bits: int = BUCKET_BITS) -> tuple[Buckets, Values]:
    """(buckets of the n-grams that occur, in order of their first place; their values, the squares of which sum to 1)."""
    from workloads.text.kernels.features import gram_features

    return gram_features(Codes.of([text]).points, longest, bits)


def logistic(value: float) -> float:
    """1 / (1 + e^-value), without overflow."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
