"""Which revision answers for a model name, and with what weight. Pure; the table's way to the gateways is board.py's.

A release or a rollback is a new table, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from cluster.errors import ModelNotFoundError


@dataclass(frozen=True)
class Route:
    """A revision of a model, the Serve application that holds it, and its share of the requests (0: only when named).

    `trial`: it is being released, so what it does is watched, and a request that it fails goes to another revision; it
    stands first in its model's routes, so that a conversation that it has stays with it while its weight grows.
    `shadow`: the share of other revisions' requests that it gets a copy of. `patience`: seconds that a request waits for the
    first text of a trial before another revision is asked (0: as long as the request may take).
    """

    revision: str
    app: str
    weight: float = 1.0
    trial: bool = False
    shadow: float = 0.0
    patience: float = 0.0


Table = Mapping[str, tuple[Route, ...]]
"""Model name -> its revisions."""


def route_names(table: Table) -> list[str]:
    """Every name that a request may use: `model` and `model@revision`."""
    return [name for model, routes in table.items() for name in (model, *(f"{model}@{r.revision}" for r in routes))]


def place_of(conversation: str, salt: str) -> float:
    """Where a conversation lies in [0, 1). Another salt (the revision on trial) gives another order, so that it is not the
    same conversations that meet every new revision first."""
    digest = blake2b(f"{salt}\0{conversation}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


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


def on_trial(table: Table, model: str) -> Route | None:
    """The revision of a model that is being released, if one is."""
    return next((route for route in table.get(model, ()) if route.trial), None)


def last_good(table: Table, model: str) -> Route | None:
    """The revision that takes what the one on trial fails."""
    others = [route for route in table.get(model, ()) if not route.trial]
    return max(others, key=lambda route: route.weight, default=None)


def must_answer(table: Table) -> set[str]:
    """The applications without which the endpoint is not ready. One on trial is not among them: another stands in for it."""
    apps = set()
    for model, routes in table.items():
        good = last_good(table, model) if on_trial(table, model) else None
        apps |= {route.app for route in routes if route.weight > 0 and not (route.trial and good)}
        apps |= {good.app} if good else set()
    return apps
