"""The places of one revision: who gets the next one, who waits, and who is told to come back later.

A place is a slot of a replica's batch and the tokens that prompt and answer can take in its memory. A request that would
wait longer than `longest_wait` times what an answer takes is refused at once, with the time in which as many have ended as
stood before it. How long it would wait is told by how many wait, and by when those that run began: answers of one length that
began together end together, so that whoever comes just after waits for a whole one. Among those of the same priority the tenant that got fewest tokens goes first (as in virtual token counters,
Sheng et al. 2024, arXiv 2401.00588): a tenant that floods the endpoint waits behind itself alone.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.gateway.limits.tenant import Tenant
from cluster.errors import OverloadedError

_NEWEST = 0.1
"""Weight of the newest answer in the mean time of an answer."""


@dataclass(frozen=True)
class Size:
    """What a request takes, or a revision has: slots, and tokens of prompts and answers."""

    slots: int
    tokens: int


@dataclass(frozen=True, eq=False)
class _Running:
    slots: int
    began: float


@dataclass(eq=False)
class _Waiting:
    size: Size
    tenant: Tenant
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gate:
    """Admits requests to one revision with `room` for them. One request may always wait. `clock` gives seconds."""

    def __init__(self, room: Size, longest_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._room, self._longest_wait, self._clock = room, longest_wait, clock
        self._slots = self._tokens = 0
        self._waiting: dict[Tenant, deque[_Waiting]] = {}
        self._running: dict[Tenant, int] = {}
        self._answers: list[_Running] = []  # in the order in which they began
        self._got: dict[Tenant, float] = {}
        self._mean_seconds = 0.0

    @property
    def idle(self) -> bool:
        return not self._slots and not self._waiting

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def resize(self, room: Size) -> None:
        """The revision has more or fewer places now."""
        self._room = room
        self._let_in()

    @asynccontextmanager
    async def place(self, size: Size, tenant: Tenant, seconds_left: float | None = None) -> AsyncIterator[None]:
        """Hold a place for the time of the block. Raises OverloadedError, at once, where the wait would be too long or longer
        than the `seconds_left`."""
        await self._enter(size, tenant, seconds_left)
        answer, ended = _Running(size.slots, self._clock()), False
        self._answers.append(answer)
        try:
            yield
            ended = True
        finally:
            self._answers.remove(answer)
            if ended:
                self._note(self._clock() - answer.began)
            self._leave(size, tenant)

    async def _enter(self, size: Size, tenant: Tenant, seconds_left: float | None) -> None:
        if self._next() is None and self._fits(size) and tenant.may_run(self._running.get(tenant, 0), size.slots):
            self._take(size, tenant)
            return
        self._require_short_wait(size, tenant, seconds_left)
        entry = _Waiting(size, tenant)
        self._got.setdefault(tenant, self._least())
        self._waiting.setdefault(tenant, deque()).append(entry)
        self._let_in()
        try:
            await entry.turn
        except asyncio.CancelledError:
            if entry.turn.cancelled():
                self._forget(entry)
                self._let_in()
            else:
                self._leave(size, tenant)
            raise

    def _require_short_wait(self, size: Size, tenant: Tenant, seconds_left: float | None) -> None:
        own, before, slots = len(self._waiting.get(tenant, ())), self._before(tenant), self._room.slots
        answers = max((before + 1) / slots, (own + 1) / tenant.places(slots))
        until_free = self._until_free(before + size.slots)
        wait = max(answers * self._mean_seconds, until_free)
        longest = self._mean_seconds * max(self._longest_wait, 1 / slots)  # where there is one place, one may wait for it
        if own >= tenant.limits.queue:
            raise _refused(f"{own} requests of this tenant wait already", wait)
        if (before and answers > self._longest_wait) or until_free > longest:
            raise _refused("too many requests wait for this model", wait)
        if seconds_left is not None and wait > seconds_left:
            raise _refused("the deadline would pass before there is a place", wait)

    def _until_free(self, slots: int) -> float:
        """Seconds until so many slots more are free than are now asked for, where each answer takes what they take on the mean."""
        rounds, place = divmod(max(slots - (self._room.slots - self._slots), 1) - 1, self._room.slots)
        now, seconds = self._clock(), rounds * self._mean_seconds
        for answer in self._answers:
            place -= answer.slots
            if place < 0:
                return seconds + max(self._mean_seconds - (now - answer.began), 0.0)
        return seconds

    def _before(self, tenant: Tenant) -> int:
        """Requests that go before a new one of this tenant: those of a better priority, and, of the same, as many of each
        other tenant as of its own."""
        own = len(self._waiting.get(tenant, ()))
        before = own
        for other, entries in self._waiting.items():
            if other is not tenant and other.limits.priority <= tenant.limits.priority:
                better = other.limits.priority < tenant.limits.priority
                before += len(entries) if better else min(len(entries), own + 1)
        return before

    def _let_in(self) -> None:
        while (tenant := self._next()) is not None:
            entry = self._waiting[tenant][0]
            if entry.turn.cancelled():  # its client left and its task has yet to say so
                self._forget(entry)
                continue
            if not self._fits(entry.size):
                return  # a larger one is not overtaken for ever by smaller ones
            self._take(entry.size, tenant)
            self._forget(entry)
            entry.turn.set_result(None)

    def _next(self) -> Tenant | None:
        running = self._running
        ready = [each for each, queue in self._waiting.items() if each.may_run(running.get(each, 0), queue[0].size.slots)]
        return min(ready, key=lambda each: (each.limits.priority, self._got[each], running.get(each, 0)), default=None)

    def _fits(self, size: Size) -> bool:
        """A request that is larger than all the room is let in alone."""
        fits = self._slots + size.slots <= self._room.slots and self._tokens + size.tokens <= self._room.tokens
        return fits or not self._slots

    def _take(self, size: Size, tenant: Tenant) -> None:
        self._got[tenant] = self._got.get(tenant, self._least()) + size.tokens
        self._slots, self._tokens = self._slots + size.slots, self._tokens + size.tokens
        self._running[tenant] = self._running.get(tenant, 0) + size.slots

    def _least(self) -> float:
        """What the tenant with the fewest tokens got, of those that are there: one that comes does not bring a credit."""
        return min(self._got.values(), default=0.0)

    def _leave(self, size: Size, tenant: Tenant) -> None:
        self._slots, self._tokens = self._slots - size.slots, self._tokens - size.tokens
        self._running[tenant] -= size.slots
        if not self._running[tenant]:
            del self._running[tenant]
            if tenant not in self._waiting:
                self._got.pop(tenant, None)
        self._let_in()

    def _forget(self, entry: _Waiting) -> None:
        """Take an entry out of the queue, unless it is out already."""
        entries = self._waiting.get(entry.tenant, deque())
        if entry not in entries:
            return
        entries.remove(entry)
        if not entries:
            del self._waiting[entry.tenant]
            if entry.tenant not in self._running:
                self._got.pop(entry.tenant, None)

    def _note(self, seconds: float) -> None:
        mean = self._mean_seconds
        self._mean_seconds = seconds if not mean else mean + _NEWEST * (seconds - mean)


def _refused(given: str, seconds: float) -> OverloadedError:
    """`seconds` is 0 while no answer has come to its end yet, so that nobody knows."""
    when = f"in {seconds:.1f} s" if seconds else "shortly"
    return OverloadedError(given, "", f"send the request again {when}", seconds)
