"""The roll of a run: a small Ray actor at which its workers meet, and which knows from Ray who of them has died.

It keeps nothing that a run needs to go on: if it is lost, the workers end at their next meeting and start again from the newest
checkpoint. Who meets whom is rollcall.py's.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import HanlinError, TrainingError
from workloads.training.rollcall import Ended, Ending, Leave, Meeting, Member, News, RollCall

_LOOK_SECONDS = 0.05  # between two looks at who has died, while someone waits; Ray tells a death within 15-65 ms
_NEWS_SECONDS = 0.25  # between two questions of a member
_PATIENCE_SECONDS = 60.0  # for a member that lives and does not come
_MEMBERS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Stand:
    """Who is known, whether they have met, and how the run ended, while its workers may still be on their way out."""

    members: tuple[Member, ...]
    begun: bool
    ended: Ending | HanlinError | None = None


class _Roll:
    """Runs in an actor of its own, all in one event loop."""

    def __init__(self, expected: int) -> None:
        self._call = RollCall(expected)
        self._actors: dict[Member, Any] = {}
        self._pings: dict[Member, asyncio.Task[bool]] = {}
        self._leaving: dict[str, Leave] = {}
        self._next: asyncio.Future[Meeting | None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ended: Ending | HanlinError | None = None

    async def meet(self, member: Member, actor: Any, progress: int) -> Meeting | Ending | HanlinError:
        """Wait until all who are left have come. Answers how the run ended instead, where it did."""
        if self._ended is None:
            self._actors[member] = actor
            self._call.arrive(member, progress)
            self._next = self._next or asyncio.get_running_loop().create_future()
            self._watch = self._watch or asyncio.create_task(self._look_until_met())
            meeting = await asyncio.shield(self._next)
            if meeting is not None:
                return meeting
        assert self._ended is not None
        return self._ended

    async def _look_until_met(self) -> None:
        clock = asyncio.get_running_loop()
        deadline = clock.time() + _PATIENCE_SECONDS
        while self._ended is None and (meeting := self._call.meet()) is None:
            if not self._call.missing() and not self._call.begun:
                deadline = clock.time() + _PATIENCE_SECONDS  # the first meeting waits for members that have yet to come
            for member in self._call.missing():
                if clock.time() > deadline or self._is_dead(member):
                    self._lose(member)
            await asyncio.sleep(_LOOK_SECONDS)
        self._watch = None
        if self._next is not None:
            self._next.set_result(None if self._ended is not None else meeting)
            self._next = None

    def _is_dead(self, member: Member) -> bool:
        """Asks it for a sign; a call to a dead actor fails at once, one to a busy actor is only not answered yet."""
        ping = self._pings.get(member)
        if ping is None or (ping.done() and not ping.result()):
            self._pings[member] = asyncio.create_task(_fails(self._actors[member]))
            return False
        return ping.done()

    def _lose(self, member: Member) -> None:
        self._call.lose(member)
        self._actors.pop(member, None)
        self._pings.pop(member, None)
        self._leaving.pop(member.name, None)

    async def news(self, name: str) -> News:
        return News(self._call.waiting, self._leaving.get(name, ""))

    async def leave(self, member: Member) -> None:
        self._lose(member)

    async def end(self, how: Ending | HanlinError) -> None:
        """The run is over for all: whoever comes to a meeting is told so."""
        if self._ended is None or isinstance(how, HanlinError):
            self._ended = how

    async def expect(self, count: int) -> None:
        self._call.expect(count)

    async def stand(self) -> Stand:
        return Stand(self._call.members, self._call.begun, self._ended)

    async def send_away(self, names: list[str], leave: Leave) -> None:
        self._leaving |= dict.fromkeys(names, leave)


async def _fails(actor: Any) -> bool:
    try:
        await actor.__ray_ready__.remote()
    except RayActorError:
        return True
    return False


class Roll:
    """Handle that can be sent to any Ray process."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._asked: Any = None
        self._next_question = 0.0
        self._news = News()

    def meet(self, member: Member, progress: int) -> Meeting:
        """Called by a worker: wait for all who are left. Raises Ended where the run is over, TrainingError where the roll is
        lost, and the HanlinError that ended the run for all."""
        me = ray.get_runtime_context().current_actor
        self._asked, self._news = None, News(leave=self._news.leave)
        answer: Meeting | Ending | HanlinError = _asked(self._actor.meet.remote(member, me, progress))
        if isinstance(answer, HanlinError):
            raise answer
        if isinstance(answer, str):
            raise Ended(answer)
        return answer

    def news(self, member: Member) -> News:
        """What was heard last; returns at once, and asks again from time to time."""
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            self._news, self._asked = _asked(self._asked), None
        if self._asked is None and (now := time.monotonic()) >= self._next_question:
            self._asked, self._next_question = self._actor.news.remote(member.name), now + _NEWS_SECONDS
        return self._news

    def leave(self, member: Member) -> None:
        """What was heard last stays true for who has left."""
        self._asked, self._next_question = None, math.inf
        with contextlib.suppress(RayActorError):
            ray.get(self._actor.leave.remote(member))

    def end(self, how: Ending | HanlinError) -> None:
        _asked(self._actor.end.remote(how))

    def expect(self, count: int) -> None:
        """The first meeting waits for so many."""
        _asked(self._actor.expect.remote(count))

    def stand(self) -> Stand:
        stand: Stand = _asked(self._actor.stand.remote())
        return stand

    def send_away(self, members: list[Member], leave: Leave) -> None:
        """Have these go at the next step boundary."""
        _asked(self._actor.send_away.remote([member.name for member in members], leave))


def _asked(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayActorError as error:
        raise TrainingError(
            "the workers' meeting place was lost with its machine", "the last checkpoint stands", "run again to go on"
        ) from error


@contextmanager
def open_roll(expected: int) -> Iterator[Roll]:
    """A roll beside this driver, whose fate it shares, for the time of the block."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "memory": 50 << 20, "max_concurrency": _MEMBERS_AT_ONCE, "scheduling_strategy": here}
    actor: Any = ray.remote(_Roll).options(**options).remote(expected)
    try:
        yield Roll(actor)
    finally:
        ray.kill(actor)
