"""The short lines of a column of texts, with a key for each by which lines are counted over documents."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Lines:
    """Per line: the text it stands in, its number there (blank and long lines count), its key, and whether one of the words
    looked for may be in it."""

    codes: Codes
    texts: NDArray[np.int64]
    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    keys: Keys
    likely: NDArray[np.bool_]

    def text(self, place: int) -> str:
        """The line without the white space around it."""
        return self.codes.points[self.starts[place] : self.stops[place]].tobytes().decode("utf-32-le")


def short_lines(codes: Codes, seeds: Keys, longest: int, words: tuple[str, ...] = ()) -> Lines:
    """The lines of 1 to `longest` characters. `seeds`, one per text, keep equal lines of different sources apart."""
    from workloads.text.kernels import lines as kernel
    from workloads.text.kernels.characters import classes

    places, keys, likely = kernel.short_lines(codes.points, codes.offsets, classes(), seeds, longest, *_table(words))
    return Lines(codes, *places.T, keys, likely)


@lru_cache(4)
def _table(words: tuple[str, ...]) -> Any:
    from workloads.text.kernels.lines import word_table

    return word_table(words)
