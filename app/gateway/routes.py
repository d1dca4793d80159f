"""Which revision answers for a model name, and with what weight. Pure; the table's way to the gateways is board.py's.

A release or a rollback is a new table, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.errors import ModelNotFoundError


@dataclass(frozen=True)
class Route:
    """A revision of a model, the Serve application that holds it, and its share of the requests (0: only when named)."""

    revision: str
    app: str
    weight: float = 1.0


Table = Mapping[str, tuple[Route, ...]]
"""Model name -> its revisions."""


def route_names(table: Table) -> list[str]:
    """Every name that a request may use: `model` and `model@revision`."""
    return [name for model, routes in table.items() for name in (model, *(f"{model}@{r.revision}" for r in routes))]


def choose(table: Table, name: str, draw: float) -> Route:
    """The route for a name; `draw` in [0, 1) decides between weighted revisions. Raises ModelNotFoundError."""
    model, _, revision = name.partition("@")
    routes = table.get(model, ())
    if revision:
        named = next((route for route in routes if route.revision == revision), None)
        if named is not None:
            return named
    else:
        total = sum(route.weight for route in routes)
        reached = 0.0
        for route in routes:
            reached += route.weight
            if total and draw * total < reached:
                return route
    served = ", ".join(route_names(table)) or "none"
    raise ModelNotFoundError(f"no model {name!r} is served here", f"served: {served}", "ask GET /v1/models", param="model")
