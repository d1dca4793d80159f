"""How well scores tell good texts from bad ones, on texts that no one has learned from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

THRESHOLDS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class AtThreshold:
    """What a `min_score` keeps. `precision`: of what is kept, the good share, if as many texts were good as bad; `recall`: of
    the good, what is kept; `bad_kept`: of the bad, what is kept."""

    threshold: float
    precision: float
    recall: float
    bad_kept: float


@dataclass(frozen=True)
class Evidence:
    """`auc`: the chance that a good text scores higher than a bad one; `calibration`: how far the scores are from the shares
    of good texts that have them, on average over ten bins."""

    good: int
    bad: int
    auc: float
    calibration: float
    lines: tuple[AtThreshold, ...]


def weigh(scores: Floats, good: Bits) -> Evidence:
    """Both piles count the same, whatever their sizes; each must hold a text."""
    lines = tuple(_at(threshold, scores, good) for threshold in THRESHOLDS)
    return Evidence(int(good.sum()), int((~good).sum()), auc(scores[good], scores[~good]), _calibration(scores, good), lines)


def auc(good: Floats, bad: Floats) -> float:
    """Ties count half (Mann and Whitney 1947)."""
    ordered = np.sort(bad)
    below, upto = np.searchsorted(ordered, good, "left"), np.searchsorted(ordered, good, "right")
    return float((below + upto).sum() / (2 * len(good) * len(bad)))


def _at(threshold: float, scores: Floats, good: Bits) -> AtThreshold:
    recall, bad_kept = float((scores[good] >= threshold).mean()), float((scores[~good] >= threshold).mean())
    kept = recall + bad_kept
    return AtThreshold(threshold, recall / kept if kept else 1.0, recall, bad_kept)


def _calibration(scores: Floats, good: Bits) -> float:
    weights = np.where(good, 0.5 / good.sum(), 0.5 / (~good).sum())
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = np.bincount(bins, weights * (scores - good), minlength=10)
    return float(np.abs(gaps).sum())
