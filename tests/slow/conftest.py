"""Figures that the slow proofs saw, shown as one table at the end. Nothing is asserted on a time: a machine may be slow."""

from collections.abc import Callable
from typing import Any

import pytest

_FIGURES = pytest.StashKey[list[tuple[str, str]]]()

Seen = Callable[[str, Any], None]


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Seen:
    """`seen("node loss noticed, s", 1.3)`: one row of the table."""
    figures = request.config.stash.setdefault(_FIGURES, [])

    def add(what: str, figure: Any) -> None:
        figures.append((what, f"{figure:.2f}" if isinstance(figure, float) else str(figure)))

    return add


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    figures = config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section("seen")
        for what, figure in figures:
            terminalreporter.line(f"{what:<64} {figure:>10}")
