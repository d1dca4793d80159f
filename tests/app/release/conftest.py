"""A controller without Ray: a fleet, a registry and an examiner that do what the test says, and a clock that it moves."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from app.gateway.observation import Observation, Sample
from app.gateway.routes import Route
from app.release.controller import Controller, World
from app.release.desk import Desk, Look, Wish
from app.release.hooks import Hook
from app.release.spec import ReleaseSpec
from app.release.state import Release
from cluster.artifacts import ArtifactStore
from cluster.errors import UnavailableError, UserError
from tests.app.gateway.conftest import card, model_folder  # noqa: F401 - fixtures


@dataclass
class FakeFleet:
    model: str = "tiny"
    there: list[int] = field(default_factory=lambda: [1])
    table: tuple[Route, ...] = ()
    running: dict[int, int] = field(default_factory=dict)
    broken: str = ""
    loads: asyncio.Event = field(default_factory=asyncio.Event)

    def route(self, revision: int) -> Route:
        return Route(f"tiny@{revision}", f"model-tiny@{revision}", 0.0)

    async def bring(self, revision: int) -> None:
        if revision in self.there:
            return
        await self.loads.wait()
        if self.broken:
            raise UnavailableError(self.broken)
        self.there.append(revision)

    async def take_away(self, revision: int) -> None:
        if revision in self.there:
            self.there.remove(revision)

    async def replicas(self, revision: int) -> int:
        return self.running.get(revision, 1) if revision in self.there else 0

    async def direct(self, routes: tuple[Route, ...]) -> None:
        self.table = routes

    @property
    def shares(self) -> dict[str, float]:
        return {route.revision: route.weight for route in self.table}


@dataclass
class FakeBook:
    current: int = 1
    earlier: list[int] = field(default_factory=list)
    lines: list[tuple[str, int, int, str]] = field(default_factory=list)
    down: bool = False

    def production(self) -> int:
        return self.current

    def before_production(self) -> int:
        if not self.earlier:
            raise UserError("tiny has no earlier production revision")
        return self.earlier[-1]

    def require(self, revision: int) -> None:
        if revision > 3:
            raise UserError(f"tiny@{revision} has no evaluation")

    def lines_about(self, release: str) -> int:
        return sum(f"(release {release})" in line[3] for line in self.lines)

    def note(self, action: str, before: int, after: int, reason: str) -> None:
        if self.down:
            raise UserError("the registry is away")
        self.lines.append((action, before, after, reason))

    def promote(self, revision: int, reason: str) -> None:
        self.earlier.append(self.current)
        self.current = revision

    def go_back(self, reason: str) -> None:
        self.current = self.earlier.pop()

    @property
    def actions(self) -> list[str]:
        return [line[0].removeprefix("release_") for line in self.lines]


@dataclass
class FakeExaminer:
    found: str = ""
    bits_of: dict[str, float] = field(default_factory=lambda: {"tiny@1": 4.0, "tiny@2": 4.0})

    async def probe(self, old: Route, new: Route) -> str:
        return self.found

    async def bits(self, route: Route, text: str) -> float:
        return self.bits_of[route.revision]


@dataclass
class Scene:
    """A controller with all around it."""

    store: ArtifactStore
    spec: ReleaseSpec
    hooks: Sequence[Hook] = ()
    fleet: FakeFleet = field(default_factory=FakeFleet)
    book: FakeBook = field(default_factory=FakeBook)
    examiner: FakeExaminer = field(default_factory=FakeExaminer)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.fleet.loads.set()
        self.start_controller()

    @property
    def desk(self) -> Desk:
        return Desk(self.store, "tiny")

    @property
    def release(self) -> Release:
        assert self.controller.release is not None
        return self.controller.release

    @property
    def look(self) -> Look:
        look = self.desk.look()
        assert look is not None
        return look

    def start_controller(self) -> None:
        """Also as after a restart: only what is kept is known."""
        world = World(self.desk, self.fleet, self.book, self.examiner, self.hooks)
        self.controller = Controller(self.spec, world, clock=lambda: self.now)

    async def ticks(self, count: int = 3, seconds: float = 1.0) -> None:
        for _ in range(count):
            self.now += seconds
            await self.controller.tick()
            await asyncio.sleep(0)

    async def wish(self, action: str, **more: object) -> None:
        self.desk.ask(Wish(action, "test", **more))  # type: ignore[arg-type]
        await self.ticks(4)

    async def traffic(self, seconds: int, make: Callable[[bool, int], Observation] | None = None) -> None:
        """Ten answers a second, by both revisions as the routes say; in shadow by both."""
        for second in range(seconds):
            if self.release.phase.final:
                return
            share = next((route.weight or 0.3 for route in self.fleet.table if route.trial), 0.0)
            batch = [(make or answer)(place < share * 10, second * 10 + place) for place in range(10)]
            self.controller.observe(batch)
            await self.ticks(2, 0.5)


def answer(trial: bool, number: int) -> Observation:
    """One answer as both revisions give them."""
    return Observation("tiny", trial, request=number + 1, seconds=1.0 + number % 7 / 10, first_token=0.1, per_token=0.01)


def sampled(trial: bool, number: int) -> Observation:
    sample = Sample("镇上有一座很老的石桥，谁修的？", "不知道")
    return Observation("tiny", trial, request=number + 1, seconds=1.0, first_token=0.1, per_token=0.01, sample=sample)


@pytest.fixture
def spec() -> ReleaseSpec:
    return ReleaseSpec(steps=(0.1, 0.5, 1.0), hold_seconds=5, least_samples=10)


@pytest.fixture
def scene(store: ArtifactStore, spec: ReleaseSpec) -> Scene:
    return Scene(store, spec)
