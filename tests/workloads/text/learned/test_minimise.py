"""L-BFGS finds the bottom of what has one."""

import numpy as np
import pytest

from workloads.text.learned.minimise import Floats, minimise


def test_the_bottom_of_a_narrow_bowl() -> None:
    widths, bottom = np.array([1.0, 100.0, 0.01, 7.0]), np.array([3.0, -2.0, 5.0, 0.0])

    def bowl(place: Floats) -> tuple[float, Floats]:
        away = place - bottom
        return float((widths * away**2).sum() / 2), widths * away

    assert minimise(bowl, np.zeros(4)) == pytest.approx(bottom, abs=1e-3)


def test_the_bottom_of_a_bent_valley() -> None:
    def rosenbrock(place: Floats) -> tuple[float, Floats]:
        x, y = place
        value = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        return float(value), np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])

    assert minimise(rosenbrock, np.array([-1.2, 1.0])) == pytest.approx([1, 1], abs=1e-5)


def test_at_the_bottom_already() -> None:
    assert minimise(lambda place: (0.0, np.zeros(2)), np.ones(2)) == pytest.approx([1, 1])
