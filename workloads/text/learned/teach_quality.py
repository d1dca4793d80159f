"""Learning a quality model from good and bad texts: logistic regression, calibrated on texts it was not fitted to, and tried on
texts that neither has seen. The same model for the same texts, in whatever order they come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from workloads.text.learned.evidence import Evidence, weigh
from workloads.text.learned.minimise import Floats, dot, minimise
from workloads.text.learned.quality import BUCKET_BITS, CHARACTERS, Buckets, QualityModel, Values, features

LEAST_DOCUMENTS = 20  # of either pile
_TRAIN, _CALIBRATE = 70, 85  # of 100: then held out
_RIDGE = 1e-5  # of the squared weights, beside the mean loss of a text (measured: docs/decisions/0013-learned-filters.md)

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Taught:
    """The model with what it does on the texts held out; `in_both`: texts that were in both piles and taken from each."""

    model: QualityModel
    evidence: Evidence
    in_both: int


@dataclass(frozen=True)
class Examples:
    """Features of many texts, text i at offsets[i] : offsets[i + 1]; `good` tells the pile."""

    buckets: Buckets
    values: Values
    offsets: NDArray[np.int64]
    good: Bits

    @staticmethod
    def of(texts: Sequence[str], good: Sequence[bool]) -> "Examples":
        found = [features(text[:CHARACTERS]) for text in texts]
        offsets = np.cumsum([0, *(len(buckets) for buckets, _ in found)])
        buckets = np.concatenate([np.empty(0, np.int32), *(buckets for buckets, _ in found)])
        values = np.concatenate([np.empty(0, np.float32), *(values for _, values in found)])
        return Examples(buckets, values, offsets, np.array(good, bool))

    def margins(self, weights: Floats) -> Floats:
        from workloads.text.kernels.features import margins

        return margins(self.buckets, self.values, self.offsets, weights)

    def balance(self) -> Floats:
        """A weight for each text: both piles count the same, all sum to 1."""
        sizes = np.where(self.good, self.good.sum(), (~self.good).sum())
        weights: Floats = 0.5 / sizes
        return weights


def teach_quality(good: Sequence[str], bad: Sequence[str], ridge: float = _RIDGE) -> Taught:
    """Learn from two piles of at least `LEAST_DOCUMENTS` different texts each. Raises ValueError for smaller ones."""
    both = set(good) & set(bad)
    piles = [sorted(set(pile) - both) for pile in (good, bad)]
    if min(map(len, piles)) < LEAST_DOCUMENTS:
        raise ValueError(f"{len(piles[0])} good and {len(piles[1])} bad texts that are different")
    train, calibrate, heldout = map(_examples, _parts(piles))
    weights = _fit(train, ridge)
    slope, shift = _calibrate(calibrate, calibrate.margins(weights[:-1]) + weights[-1])
    model = QualityModel((slope * weights[:-1]).astype(np.float32), float(slope * weights[-1] + shift))
    scores = heldout.margins(model.weights.astype(np.float64)) + model.bias
    return Taught(model, weigh(_sigmoid(scores), heldout.good), len(both))


def _parts(piles: Sequence[Sequence[str]]) -> list[list[Sequence[str]]]:
    """Both piles cut by the hash of each text, so that a text's part depends on nothing else but the pile's size."""
    parts: list[list[Sequence[str]]] = [[], [], []]
    for pile in piles:
        order = sorted(pile, key=lambda text: blake2b(text.encode("utf-8", "surrogatepass")).digest())
        first, second = len(order) * _TRAIN // 100, len(order) * _CALIBRATE // 100
        for part, texts in zip(parts, (order[:first], order[first:second], order[second:]), strict=True):
            part.append(texts)
    return parts


def _examples(part: Sequence[Sequence[str]]) -> Examples:
    good, bad = part
    return Examples.of([*good, *bad], [True] * len(good) + [False] * len(bad))


def _fit(examples: Examples, ridge: float) -> Floats:
    """Weights of the buckets, then the bias, which the ridge leaves alone."""
    return minimise(_cost(examples, ridge), np.zeros((1 << BUCKET_BITS) + 1))


def _cost(examples: Examples, ridge: float) -> Callable[[Floats], tuple[float, Floats]]:
    from workloads.text.kernels.features import weighted_features

    sign, balance = np.where(examples.good, 1.0, -1.0), examples.balance()

    def cost(weights: Floats) -> tuple[float, Floats]:
        agreement = sign * (examples.margins(weights[:-1]) + weights[-1])
        factors = -sign * balance * _sigmoid(-agreement)
        gradient = weighted_features(examples.buckets, examples.values, examples.offsets, factors, len(weights))
        gradient[:-1] += ridge * weights[:-1]
        gradient[-1] = factors.sum()
        loss = (balance * np.logaddexp(0, -agreement)).sum() + ridge / 2 * dot(weights[:-1], weights[:-1])
        return float(loss), gradient

    return cost


def _calibrate(examples: Examples, margins: Floats) -> tuple[float, float]:
    """(slope, shift) that make the margin the logarithm of the odds: Platt 1999, with his targets, which keep the slope finite
    where the piles are told apart without a fault."""
    count_good, count_bad = examples.good.sum(), (~examples.good).sum()
    target = np.where(examples.good, (count_good + 1) / (count_good + 2), 1 / (count_bad + 2))
    balance = examples.balance()

    def cost(line: Floats) -> tuple[float, Floats]:
        odds = line[0] * margins + line[1]
        loss = balance * (np.logaddexp(0, odds) - target * odds)
        slopes = balance * (_sigmoid(odds) - target)
        return float(loss.sum()), np.array([(slopes * margins).sum(), slopes.sum()])

    slope, shift = minimise(cost, np.array([1.0, 0.0]), tolerance=1e-9)
    return float(slope), float(shift)


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 0.5 * (1 + np.tanh(values / 2))
    return result
