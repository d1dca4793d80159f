"""A company's own judges: functions that the recipe names, each told a prompt and an answer, True where the answer is good."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.gateway.observation import Sample
from cluster.errors import RecipeError


@dataclass(frozen=True)
class Hook:
    """A function by the name that the recipe gives it."""

    name: str
    function: Callable[[str, str], object]

    def is_good(self, sample: Sample) -> bool:
        return bool(self.function(sample.prompt, sample.answer))


def load_hooks(names: Sequence[str]) -> tuple[Hook, ...]:
    """The functions of `release.hooks`. Raises RecipeError for one that is not there."""
    return tuple(Hook(name, _function(name)) for name in names)


def _function(name: str) -> Callable[[str, str], object]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RecipeError(
            f"release.hooks names {name!r}, which cannot be imported ({error})",
            "`module:function` of a module that the cluster's machines have",
            "check the name",
        ) from error
    if not callable(found):
        raise RecipeError(f"release.hooks names {name!r}, which is no function", "a function of prompt and answer")
    function: Callable[[str, str], object] = found
    return function
