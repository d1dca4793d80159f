"""What a release needs of the world: replicas and routes, the registry, and a model's own scores. Small, so that it is led
and tested without Ray."""

from typing import Protocol

from app.gateway.routes import Route


class Fleet(Protocol):
    """Revisions as replicas, by their number."""

    model: str

    def route(self, revision: int) -> Route:
        """Where a revision is, or would be."""

    async def bring(self, revision: int) -> None:
        """Load a revision beside what is there. Raises HanlinError where it does not come up or has no room."""

    async def take_away(self, revision: int) -> None:
        """Let it finish its answers and end."""

    async def replicas(self, revision: int) -> int:
        """How many of its replicas run, or would if they were asked."""

    async def direct(self, routes: tuple[Route, ...]) -> None:
        """The model's routes from now on; nothing happens where they are so already."""


class Book(Protocol):
    """The registry and its audit log."""

    def production(self) -> int: ...
    def before_production(self) -> int:
        """The revision that was production before. Raises UserError where there is none."""

    def require(self, revision: int) -> None:
        """Raises UserError or ModelNotFoundError where it cannot be released."""

    def lines_about(self, release: str) -> int:
        """How many lines of the audit log are of this release."""

    def note(self, action: str, before: int, after: int, reason: str) -> None:
        """A line in the audit log."""

    def promote(self, revision: int, reason: str) -> None: ...
    def go_back(self, reason: str) -> None: ...


class Examiner(Protocol):
    """Asks two revisions beside each other."""

    async def probe(self, old: Route, new: Route) -> str:
        """Why the new one must get no traffic; empty where nothing speaks against it."""

    async def bits(self, route: Route, text: str) -> float:
        """Bits per character of a text under a revision. Raises HanlinError."""
