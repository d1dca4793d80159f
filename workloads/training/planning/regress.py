"""The constants of the law from measured runs: a robust fit in log space, and others as likely. numpy alone.

Hoffmann et al. (arXiv 2203.15556) minimise a Huber loss of log L; here by damped Gauss-Newton steps, all starts at once. A ladder of
small models tells little of the powers one by one, so each is drawn gently to what larger studies found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cluster.errors import TrainingError
from workloads.training.planning.law import FittedLaw, Law

Array = NDArray[np.float64]

LEAST_POINTS = 4
_HUBER = 1e-3  # Hoffmann et al.
_POWER, _POWER_SPREAD = 0.35, 0.1  # 0.34, 0.28 (Hoffmann et al.), 0.35, 0.37 (Besiroglu et al.)
_NOISE = 5e-3  # of log L between two seeds of a small model; weighs the powers' spread against the runs
_STEPS = 200
_LEAST_POWER, _MOST_POWER = 0.02, 2.0
_A, _B, _E, _ALPHA, _BETA = range(5)


@dataclass(frozen=True)
class Point:
    """A finished run: all parameters, tokens trained on, held-out loss in nats per token."""

    parameters: int
    tokens: int
    loss: float


def fit_law(points: Sequence[Point], samples: int = 200, seed: int = 0) -> FittedLaw:
    """The law that fits best, and `samples` others: of runs weighed at random (Bayesian bootstrap) and powers drawn from what larger
    studies found. Raises TrainingError for fewer than 4 runs, one size alone, or one number of tokens alone."""
    _require_spread(points)
    data = _Data.of(points)
    powers = np.full((1, 2), _POWER)
    found, costs = _descend(_starts(data), data, np.ones((1, len(points))), powers)
    best = found[int(np.argmin(costs))]
    generator = np.random.default_rng(seed)
    weights = generator.exponential(size=(samples, len(points)))
    weights *= len(points) / weights.sum(1, keepdims=True)
    drawn = np.clip(_POWER + _POWER_SPREAD * generator.standard_normal((samples, 2)), 0.1, 0.8)
    likely, _ = _descend(np.repeat(best[None], samples, 0), data, weights, drawn)
    residuals = data.logs - _predict(best[None], data)[0][0]
    freedom = max(1, len(points) - 5)
    noise = float(np.sqrt((residuals**2).sum() / freedom))
    return FittedLaw(data.law(best), tuple(data.law(each) for each in likely), noise)


def _require_spread(points: Sequence[Point]) -> None:
    sizes, amounts = {each.parameters for each in points}, {each.tokens for each in points}
    if len(points) < LEAST_POINTS or len(sizes) < 2 or len(amounts) < 2:
        raise TrainingError(
            f"{len(points)} runs of {len(sizes)} sizes and {len(amounts)} numbers of tokens do not fix a law",
            f"at least {LEAST_POINTS} runs, 2 sizes and 2 numbers of tokens",
            "give the ladder more of them",
        )


@dataclass(frozen=True)
class _Data:
    """Logs of the runs, sizes and tokens around their means: that keeps the scales apart from the powers."""

    sizes: Array
    tokens: Array
    logs: Array
    size_mean: float
    token_mean: float

    @staticmethod
    def of(points: Sequence[Point]) -> "_Data":
        sizes = np.log([each.parameters for each in points])
        tokens = np.log([each.tokens for each in points])
        logs = np.log([each.loss for each in points])
        return _Data(sizes - sizes.mean(), tokens - tokens.mean(), logs, float(sizes.mean()), float(tokens.mean()))

    def law(self, values: Array) -> Law:
        alpha, beta = float(values[_ALPHA]), float(values[_BETA])
        model = float(np.exp(values[_A] + alpha * self.size_mean))
        text = float(np.exp(values[_B] + beta * self.token_mean))
        return Law(float(np.exp(values[_E])), model, text, alpha, beta)


def _starts(data: _Data) -> Array:
    """[27, 5]: the floor at three shares of the mean loss, the rest halved between model and data, three powers each."""
    mean = float(data.logs.mean())
    rows = [
        (mean + np.log((1 - share) / 2), mean + np.log((1 - share) / 2), mean + np.log(share), alpha, beta)
        for share, alpha, beta in product((0.2, 0.5, 0.8), (0.2, 0.35, 0.6), (0.2, 0.35, 0.6))
    ]
    return np.array(rows)


def _predict(values: Array, data: _Data) -> tuple[Array, Array]:
    """Of [s, 5] constants: log losses [s, n] and their derivatives [s, n, 5]."""
    model = values[:, _A, None] - values[:, _ALPHA, None] * data.sizes
    text = values[:, _B, None] - values[:, _BETA, None] * data.tokens
    terms = np.stack([model, text, np.broadcast_to(values[:, _E, None], model.shape)])
    largest = terms.max(0)
    logs = largest + np.log(np.exp(terms - largest).sum(0))
    of_model, of_text, of_floor = np.exp(terms - logs)
    slopes = np.stack([of_model, of_text, of_floor, -of_model * data.sizes, -of_text * data.tokens], -1)
    return logs, slopes


def _cost(values: Array, data: _Data, weights: Array, powers: Array) -> Array:
    """[s]: the Huber loss of the runs and the pull on the powers."""
    off = np.abs(_predict(values, data)[0] - data.logs)
    huber = np.where(off <= _HUBER, off**2 / 2, _HUBER * (off - _HUBER / 2))
    pull = ((values[:, _ALPHA:] - powers) / _POWER_SPREAD) ** 2
    cost: Array = (weights * huber).sum(1) + _pull_weight() * pull.sum(1) / 2
    return cost


def _pull_weight() -> float:
    """In the units of the Huber loss, which is linear where runs scatter by more than its bend."""
    return _HUBER * _NOISE


def _descend(values: Array, data: _Data, weights: Array, powers: Array) -> tuple[Array, Array]:
    """From each row of `values` down to a minimum: the constants [s, 5] and their costs [s]."""
    damping = np.full(len(values), 1e-2)
    costs = _cost(values, data, weights, powers)
    for _ in range(_STEPS):
        trial = _step(values, data, weights, powers, damping)
        trial_costs = _cost(trial, data, weights, powers)
        better = trial_costs < costs
        values = np.where(better[:, None], trial, values)
        costs = np.where(better, trial_costs, costs)
        damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-9, 1e6)
    return values, costs


def _step(values: Array, data: _Data, weights: Array, powers: Array, damping: Array) -> Array:
    logs, slopes = _predict(values, data)
    off = logs - data.logs
    trust = weights * np.minimum(1.0, _HUBER / np.maximum(np.abs(off), 1e-12))
    matrix = np.einsum("sni,sn,snj->sij", slopes, trust, slopes)
    slope = np.einsum("sni,sn->si", slopes, trust * off)
    pull = _pull_weight() / _POWER_SPREAD**2
    for at in (_ALPHA, _BETA):
        matrix[:, at, at] += pull
        slope[:, at] += pull * (values[:, at] - powers[:, at - _ALPHA])
    scale = np.einsum("sii->si", matrix) + 1e-9
    matrix += np.eye(5) * (damping[:, None] * scale)[:, None, :]
    moved = values - np.linalg.solve(matrix, slope[..., None])[..., 0]
    moved[:, _ALPHA:] = np.clip(moved[:, _ALPHA:], _LEAST_POWER, _MOST_POWER)
    return moved
