"""How surprising a text is to one who has read the user's reference text: bits per character of a character n-gram model.

Not for learning one: see teach_perplexity.py. All n-grams lie in one hashed array, so that a lookup is one place in memory.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes

CHARACTERS = 3_000  # enough to tell (measured: docs/decisions/0013-learned-filters.md)

Table = NDArray[np.uint64]


@dataclass(frozen=True)
class PerplexityModel:
    """`table`: uint64 [a power of two], see kernels/perplexity.py; `unseen_bits`: what a character costs that the reference
    does not hold, before what its context adds."""

    table: Table
    order: int
    unseen_bits: float
    characters: int = CHARACTERS

    def score(self, text: str) -> float:
        """Bits per character of the text's beginning; 0 for an empty one."""
        from workloads.text.kernels.perplexity import bits_of

        points = Codes.of([text[: self.characters]]).points
        return bits_of(points, self.table, self.order, self.unseen_bits) / len(points) if len(points) else 0.0
