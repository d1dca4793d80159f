"""Leads the releases of one model: grants wishes, loads, looks, decides, and makes every decision last before it counts.

A decision is kept first (desk.py), then routed (the fleet), then told (chronicle.py). A controller that begins anew reads what
is kept and goes on from there; the time and the samples of the step begin again. Not for rules (course.py, judge.py). It runs
without Ray (ports.py).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.gateway.observation import Observation
from app.gateway.routes import Route
from app.release.chronicle import Chronicle
from app.release.compare import Comparison
from app.release.course import course, told_step, waits_for
from app.release.desk import Desk, Look
from app.release.hooks import Hook
from app.release.judge import Judge, summary
from app.release.ports import Book, Examiner, Fleet
from app.release.questions import Questions
from app.release.spec import ReleaseSpec
from app.release.state import Phase, Release, ready, roll_back, routes_of
from app.release.wishes import granted
from cluster.errors import HanlinError
from cluster.observe.logs import event
from cluster.observe.metrics import RELEASE_DECISIONS, RELEASE_EVIDENCE, RELEASE_SHARE

_LOG = logging.getLogger(__name__)
_LEAST_PATIENCE, _FIRST_PATIENCE = 1.0, 5.0  # seconds
_PATIENCE_FACTOR = 3.0  # on the old revision's 99th percentile
_LOOK_SECONDS = 1.0  # between two looks at replicas and routes, and two that people can see
_WISH_SECONDS = 0.5


@dataclass(frozen=True)
class World:
    """All that a controller acts on."""

    desk: Desk
    fleet: Fleet
    book: Book
    examiner: Examiner
    hooks: Sequence[Hook] = ()


class Controller:
    """`tick` is called a few times a second; it waits neither for loading nor for scoring."""

    def __init__(self, spec: ReleaseSpec, world: World, clock: Callable[[], float] = time.time) -> None:
        self._spec, self._world, self._clock = spec, world, clock
        self._chronicle = Chronicle(world.book)
        self._loading: asyncio.Task[str] | None = None
        self._shown, self._note = 0.0, ""
        self._looked = self._asked = 0.0
        self._take_up(world.desk.load())

    def _take_up(self, release: Release | None) -> None:
        plan = release.plan if release else None
        goal = Comparison(plan.compare, plan.most_samples) if plan and plan.compare else None
        self._judge = Judge(self._spec, goal)
        self._questions = Questions(self._world.examiner, self._world.fleet, self._world.hooks)
        self._release, self._ready = release, False

    @property
    def release(self) -> Release | None:
        return self._release

    def observe(self, batch: Sequence[Observation]) -> None:
        """Answers that the gateways saw."""
        if self._release is not None and self._release.phase is Phase.CANARY:
            self._judge.see(batch, self._clock())
            self._questions.collect(batch)

    async def tick(self) -> None:
        """One look at everything."""
        if self._clock() - self._asked >= _WISH_SECONDS:
            self._asked = self._clock()
            for name in await asyncio.to_thread(self._world.desk.waiting):
                await self._grant(name)
        if self._release is not None and not self._release.closed:
            await self._go_on(self._release)
            if self._clock() - self._shown >= _LOOK_SECONDS:
                await self._show()

    async def _grant(self, name: str) -> None:
        desk, self._note = self._world.desk, ""
        wish = await asyncio.to_thread(desk.wish, name)
        model, book, now = self._world.fleet.model, self._world.book, self._clock()
        try:
            release = await asyncio.to_thread(granted, wish, self._release, self._ready, model, book, self._spec, now)
            if self._release is None or release.id != self._release.id:
                self._take_up(release)
            await self._become(release)
        except HanlinError as error:
            self._note = f"{wish.action} refused: {error}"
            event(_LOG, "release_refused", logging.WARNING, action=wish.action, error=str(error))
        await self._show()
        await asyncio.to_thread(desk.done, name)

    async def _go_on(self, release: Release) -> None:
        if release.phase.final and (release.phase is not Phase.PROMOTED or self._ready):
            await self._close(release)
        elif not self._ready:
            await self._load(release)
        else:
            await self._judge_now(release)

    async def _judge_now(self, release: Release) -> None:
        trouble = ""
        if self._clock() - self._looked >= _LOOK_SECONDS:
            self._looked = self._clock()
            await self._world.fleet.direct(self._routes(release))  # whoever changed them meanwhile
            trouble = await self._trouble(release)
        following = course(release, self._judge, trouble, self._clock())
        if following is release:
            self._questions.go_on(release, self._judge)
        else:
            await self._become(following)

    async def _trouble(self, release: Release) -> str:
        """What no statistics are needed for."""
        fleet = self._world.fleet
        lost = await fleet.replicas(release.new) == 0 and await fleet.replicas(release.old) > 0
        return "no replica of the new revision is left" if lost else ""

    async def _load(self, release: Release) -> None:
        """Begin to load, or see whether it has come to an end. After a restart the new revision may be there already."""
        if self._loading is None:
            await self._world.fleet.direct(self._routes(release))
            self._loading = asyncio.create_task(self._bring(release))
        if not self._loading.done():
            return
        why, self._loading = self._loading.result(), None
        if why and release.phase is Phase.PROMOTED:
            self._note = f"{why}; it is tried again"
        elif why:
            await self._become(roll_back(release, self._clock(), why))
        elif release.phase is Phase.WAITING:
            self._ready = True
            await self._become(ready(release, self._clock(), "loaded, and its first answers are well"))
        else:
            self._ready = True
            self._release = replace(release, since=self._clock())

    async def _bring(self, release: Release) -> str:
        """Load and probe; why the new revision may get no traffic."""
        fleet = self._world.fleet
        try:
            await fleet.bring(release.old)
            await fleet.bring(release.new)
            return await self._world.examiner.probe(fleet.route(release.old), fleet.route(release.new))
        except HanlinError as error:
            return str(error)

    async def _become(self, release: Release) -> None:
        """Make a decision last, act on it, tell it."""
        await asyncio.to_thread(self._world.desk.save, release)
        self._release = release
        self._judge.begin_step()
        await self._world.fleet.direct(self._routes(release))
        last = release.decisions[-1]
        RELEASE_DECISIONS.record(model=release.model, action=last.action)
        event(_LOG, "release_decision", model=release.model, action=last.action, share=last.share, reason=last.reason)
        await asyncio.to_thread(self._chronicle.tell, release)
        await self._show()

    async def _close(self, release: Release) -> None:
        """Only now does the one that lost go: until here it was warm. One that is still loading is waited for first."""
        if self._loading is not None and not self._loading.done():
            return
        self._loading = None
        await self._world.fleet.direct(self._routes(release))
        await asyncio.to_thread(self._chronicle.tell, release)
        await asyncio.to_thread(self._chronicle.close, release)
        await self._world.fleet.take_away(release.old if release.phase is Phase.PROMOTED else release.new)
        self._release = replace(release, closed=True)
        await asyncio.to_thread(self._world.desk.save, self._release)
        await self._show()

    def _routes(self, release: Release) -> tuple[Route, ...]:
        bound = self._judge.first_token_bound()
        patience = max(_LEAST_PATIENCE, _PATIENCE_FACTOR * bound) if bound else _FIRST_PATIENCE
        fleet = self._world.fleet
        new = fleet.route(release.new) if self._ready else None
        return routes_of(release, fleet.route(release.old), new, float(round(patience)))

    async def _show(self) -> None:
        self._shown, release = self._clock(), self._release
        look = Look(self._shown, told_step(release) if release else "no release", note=self._note)
        if release is not None and not release.phase.final:
            waits = waits_for(release, self._judge, self._shown) if self._ready else "the new revision to load"
            look = replace(look, waits_for=waits, checks=summary(self._judge))
            RELEASE_SHARE.record(release.share, model=release.model)
            for finding in self._judge.findings():
                RELEASE_EVIDENCE.record(finding.value, model=release.model, check=finding.check)
        await asyncio.to_thread(self._world.desk.show, look)
