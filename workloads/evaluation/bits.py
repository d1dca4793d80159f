"""From bits per document to figures with an interval: bits per character and per byte, differences, by source.

Pure numpy; it does not know which model the bits come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_INTERVAL = (2.5, 97.5)  # percentiles: a 95 % interval


@dataclass(frozen=True)
class Estimate:
    """A ratio over documents with its 95 % bootstrap interval; without one (None) where there are fewer than 2 documents."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Resamples:
    """How often each document is drawn in each bootstrap resample, so that several scorers are compared on the same draws."""

    weights: NDArray[np.int32]  # [resamples, documents]

    @staticmethod
    def draw(documents: int, resamples: int, seed: int) -> "Resamples":
        """Documents drawn with replacement (Efron 1979), as multinomial counts."""
        generator = np.random.default_rng(seed)
        even = np.full(documents, 1 / documents)
        return Resamples(generator.multinomial(documents, even, size=resamples).astype(np.int32))

    def ratio(self, above: Floats, below: Floats) -> Estimate:
        """sum(above) / sum(below) over documents. A resample without any `below` is left out."""
        value = float(above.sum() / below.sum())
        if len(above) < 2:
            return Estimate(value, None, None)
        sums = self.weights @ np.stack([above, below], axis=1)
        drawn = sums[:, 1] > 0
        low, high = np.percentile(sums[drawn, 0] / sums[drawn, 1], _INTERVAL)
        return Estimate(value, float(low), float(high))


def by_source(sources: Sequence[str], bits: Floats, characters: Floats, resamples: int, seed: int) -> dict[str, Estimate]:
    """Bits per character of each source, each with resamples over its own documents, in order of name."""
    found: dict[str, Estimate] = {}
    names = np.array(sources)
    for source in sorted(set(sources)):
        mine = names == source
        draws = Resamples.draw(int(mine.sum()), resamples, seed)
        found[source] = draws.ratio(bits[mine], characters[mine])
    return found
