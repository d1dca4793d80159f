"""Costs taken from points of an engine whose arithmetic is known: they give that arithmetic back, also between the points."""

import pytest

from workloads.serving.planning.costs import Costs, Point, Shape

SHORT, LONG = Shape(32, 64), Shape(512, 64)


def truth(clients: float, context: float) -> float:
    """Seconds of a step: fixed, per request, and per token that it attends to."""
    return 0.004 + 0.0005 * clients + 2e-7 * clients * context


def prompt_truth(tokens: float) -> float:
    return 0.002 + 1e-4 * tokens


def point(clients: int, shape: Shape) -> Point:
    took = shape.answer * truth(clients, shape.context) + clients * prompt_truth(shape.prompt)
    return Point(clients, shape, clients * shape.answer / took, 0.1, 0.01, 0.02)


COSTS = Costs(
    tuple(point(clients, shape) for shape in (SHORT, LONG) for clients in (1, 8, 32)),
    tuple((shape.prompt, prompt_truth(shape.prompt)) for shape in (SHORT, LONG)),
)


@pytest.mark.parametrize("clients", [1, 2, 8, 16, 32])
@pytest.mark.parametrize("shape", [SHORT, LONG, Shape(200, 64), Shape(200, 300)])
def test_speeds_between_the_points(clients: int, shape: Shape) -> None:
    took = shape.answer * truth(clients, shape.context) + clients * prompt_truth(shape.prompt)
    assert COSTS.requests_per_second(clients, shape) == pytest.approx(clients / took, rel=1e-6)
    assert COSTS.token_seconds(clients, shape) == pytest.approx(took / shape.answer, rel=1e-6)


def test_longer_prompts_than_measured_take_in_proportion() -> None:
    assert COSTS.prompt_seconds(1000) == pytest.approx(prompt_truth(1000))
    assert COSTS.prompt_seconds(1) == pytest.approx(prompt_truth(1))


def test_a_step_never_gets_shorter_with_more_clients() -> None:
    noisy = Costs(
        (Point(1, SHORT, 100, 0, 0, 0), Point(8, SHORT, 1600, 0, 0, 0), Point(32, SHORT, 3200, 0, 0, 0)), ((32, 0.0),)
    )
    steps = [noisy.step_seconds(clients, SHORT.context) for clients in (1, 4, 8, 32)]
    assert steps == sorted(steps)
    assert steps[0] == pytest.approx(0.01)


def test_one_slot_and_one_shape_are_enough() -> None:
    alone = Costs((point(1, SHORT),), ((32, prompt_truth(32)),))
    assert alone.most_clients == 1
    assert alone.requests_per_second(1, SHORT) == pytest.approx(COSTS.requests_per_second(1, SHORT))
