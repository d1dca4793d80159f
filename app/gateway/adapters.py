"""The adapters that a gateway can be asked for: models of their own to a client, each under one of the revisions that are served.

Which revision that is depends on what the adapter was made for, never on weights alone: on other weights its changes mean nothing.
Not for publishing (app/registry/adapters.py) nor for computing (workloads/serving).
"""

from collections.abc import Sequence

from app.gateway.routes import Route
from app.gateway.watched import Watched
from app.registry.adapters import PublishedAdapter, read_adapters
from workloads.serving.engine.base import Adapter


class Adapters:
    """Those of a store, whose list is at a URI; without one there are none."""

    def __init__(self, uri: str = "") -> None:
        self._list = Watched(uri, read_adapters, "adapters") if uri else None

    async def published(self) -> Sequence[PublishedAdapter]:
        return (await self._list.content() or ()) if self._list is not None else ()

    async def named(self, name: str) -> Sequence[PublishedAdapter]:
        """One for each revision that the adapter of that name was made for."""
        return [each for each in await self.published() if each.name == name]


def by_preference(routes: Sequence[Route]) -> list[Route]:
    """The revisions of a model in the order in which an adapter may have them: one on trial last, for its adapters take no part in
    that, then by weight."""
    return sorted(routes, key=lambda route: (route.trial, -route.weight))


def for_engines(entry: PublishedAdapter) -> Adapter:
    """As a request carries it."""
    return Adapter(entry.name, entry.content, entry.uri)
