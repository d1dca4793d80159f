"""The short lines of a column of texts, with a key for each by which lines are counted over documents."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Codes
from workloads.text.measure import whole_kind_table

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

    places, keys, likely = kernel.short_lines(codes.points, codes.offsets, whole_kind_table(), seeds, longest, *_table(words))
    return Lines(codes, places[:, 0], places[:, 1], places[:, 2], places[:, 3], keys, likely)


def line_key(seed: int, line: str) -> int:
    """The key of one line."""
    from workloads.text.kernels.lines import hash_line

    points = Codes.of([line]).points
    return int(hash_line(points, 0, len(points), np.uint64(seed)))


def text_keys(codes: Codes) -> Keys:
    """64 bits for each text."""
    from workloads.text.kernels.lines import hash_texts

    return hash_texts(codes.points, codes.offsets)


@lru_cache(4)
def _table(words: tuple[str, ...]) -> Any:
    from workloads.text.kernels.lines import word_table

    return word_table(words)
