"""The recipe's section and its hooks."""

import json

import pytest
from pydantic import ValidationError

from app.gateway.observation import Sample
from app.release.hooks import load_hooks
from app.release.spec import ReleaseSpec
from cluster.errors import RecipeError


@pytest.mark.parametrize("steps", [(0.5,), (0.5, 0.1, 1.0), (0.0, 1.0), (0.5, 0.5, 1.0), ()])
def test_steps_rise_to_one(steps: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        ReleaseSpec(steps=steps)


def test_the_defaults_are_of_a_careful_release() -> None:
    assert ReleaseSpec().steps == (0.01, 0.05, 0.25, 0.5, 1.0)


def test_a_hook_is_a_function_by_its_name() -> None:
    (hook,) = load_hooks(["operator:contains"])
    assert hook.is_good(Sample("镇上有桥", "桥"))
    assert not hook.is_good(Sample("镇上有桥", "井"))


@pytest.mark.parametrize("name", ["nowhere:f", "json:nothing", "json", "json:decoder"])
def test_a_hook_that_is_none_is_refused(name: str) -> None:
    assert json.decoder
    with pytest.raises(RecipeError, match=r"release.hooks names"):
        load_hooks([name])
