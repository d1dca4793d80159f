"""Whether a step's loss and gradient norm are those of a healthy run. Pure arithmetic, the same in every process."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from workloads.training.health.spec import HealthSpec

Recent = tuple[tuple[float, float], ...]
"""(loss, gradient norm) of the accepted steps before, oldest first."""

_DEVIATIONS = 1.4826  # of the median absolute deviation: a standard deviation of normal noise
_SMALLEST_SPREAD = 0.01  # of the median: on rows learnt by heart the noise is next to nothing
_LEAST_LOSS, _LEAST_LOG_NORM = 0.05, 0.1  # the least spreads of the two: nats, and of the logarithm
_BY_HEART = 0.1  # nats: no text that is new is foretold so well; what is learnt by heart leaps about by orders of magnitude
_LEAST_SHARE = 0.25  # of the window must be there before a spike can be told


@dataclass(frozen=True)
class Verdict:
    """Why a step is bad; empty where it is not. `score`: the larger of its two robust z-scores (0: not computed)."""

    reason: str = ""
    score: float = 0.0

    @property
    def good(self) -> bool:
        return not self.reason


def judge(spec: HealthSpec, recent: Recent, loss: float, norm: float) -> Verdict:
    """Of a step whose mean loss (nats per token) and gradient norm (before clipping) these are."""
    if not math.isfinite(loss):
        return Verdict("loss is no number")
    if not math.isfinite(norm):
        return Verdict("gradient is no number")
    if not spec.spike_score or len(recent) < _LEAST_SHARE * spec.window:
        return Verdict()
    losses, norms = [each for each, _ in recent], [math.log(max(each, 1e-30)) for _, each in recent]
    if median(losses) < _BY_HEART:
        return Verdict()
    loss_score = robust_score(loss, losses, _LEAST_LOSS)
    norm_score = robust_score(math.log(max(norm, 1e-30)), norms, _LEAST_LOG_NORM)
    score = max(loss_score, norm_score)
    if score < spec.spike_score:
        return Verdict(score=score)
    return Verdict("loss spike" if loss_score >= norm_score else "gradient spike", score)


def remembered(spec: HealthSpec, recent: Recent, loss: float, norm: float) -> Recent:
    """With one more accepted step, no longer than the window."""
    return (*recent, (loss, norm))[-spec.window :]


def robust_score(value: float, others: Sequence[float], spread: float = 0.0) -> float:
    """How far `value` lies above the median of the others, in standard deviations estimated from their median absolute
    deviation (Iglewicz and Hoaglin 1993), which is never taken for less than `spread` or a hundredth of the median."""
    middle = median(others)
    deviation = _DEVIATIONS * median(abs(other - middle) for other in others)
    return (value - middle) / max(deviation, spread, _SMALLEST_SPREAD * abs(middle), 1e-12)
