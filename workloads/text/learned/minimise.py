"""The smallest value of a smooth function of many numbers: L-BFGS (Liu and Nocedal 1989). The same bits in every run."""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cost = Callable[[Floats], tuple[float, Floats]]

_MEMORY = 10
_SUFFICIENT = 1e-4  # of the decrease that the slope promises (Armijo)
_SMALLEST_STEP = 1e-12


def minimise(cost: Cost, start: Floats, iterations: int = 200, tolerance: float = 1e-5) -> Floats:
    """Where `cost`, which answers (value, gradient), is smallest; ends where the gradient is shorter than `tolerance`."""
    place, (value, gradient) = start, cost(start)
    pairs: deque[tuple[Floats, Floats]] = deque(maxlen=_MEMORY)
    for _ in range(iterations):
        if dot(gradient, gradient) <= tolerance**2:
            break
        direction = _direction(gradient, pairs)
        step, slope = 1.0, dot(gradient, direction)
        after = cost(place + direction)
        while after[0] > value + _SUFFICIENT * step * slope:
            step /= 2
            if step < _SMALLEST_STEP:
                return place
            after = cost(place + step * direction)
        moved, turned = step * direction, after[1] - gradient
        place, (value, gradient) = place + moved, after
        if dot(moved, turned) > 0:
            pairs.append((moved, turned))
    return place


def _direction(gradient: Floats, pairs: "deque[tuple[Floats, Floats]]") -> Floats:
    """Downhill, as far as the curvature of the last steps suggests; one unit at first."""
    if not pairs:
        first: Floats = -gradient / np.sqrt(dot(gradient, gradient))
        return first
    direction: Floats = -gradient
    shares = []
    for moved, turned in reversed(pairs):
        share = dot(moved, direction) / dot(moved, turned)
        direction = direction - share * turned
        shares.append(share)
    moved, turned = pairs[-1]
    direction = direction * (dot(moved, turned) / dot(turned, turned))
    for (moved, turned), share in zip(pairs, reversed(shares), strict=True):
        direction = direction + (share - dot(turned, direction) / dot(moved, turned)) * moved
    return direction


def dot(one: Floats, other: Floats) -> float:
    """Summed by numpy and not by BLAS, whose threads make the last bits depend on the machine."""
    return float((one * other).sum())
