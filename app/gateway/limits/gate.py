"""The places of one revision: who gets the next one, who waits, and who is told to come back later.

A place is a slot of a replica's batch and the tokens that prompt and answer can take in its memory. A request that would
wait longer than `longest_wait` times what an answer takes is refused at once, with the time in which as many have ended as
stood before it (forecast.py). Among those of the same priority the tenant that got fewest tokens goes first (as in virtual token counters,
Sheng et al. 2024, arXiv 2401.00588): a tenant that floods the endpoint waits behind itself alone.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice

from app.gateway.limits.forecast import AnswerTimes, Running, until_free
from app.gateway.limits.tenant import Tenant
from cluster.errors import OverloadedError


@dataclass(frozen=True)
class Size:
    """What a request takes, or a revision has: slots, and tokens of prompts and answers."""

    slots: int
    tokens: int


@dataclass(eq=False)
class _Waiting:
    size: Size
    tenant: Tenant
    turn: asyncio.Future[Running] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gate:
    """Admits requests to one revision with `room` for them. `clock` gives seconds.

    A wait of `longest_wait` times what an answer takes is allowed, and always one in which one of so many slots is freed as there are
    places: where there is one place, one request may wait for it.
    """

    def __init__(self, room: Size, longest_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._room, self._longest_wait, self._clock = room, longest_wait, clock
        self._slots = self._tokens = 0
        self._waiting: dict[Tenant, deque[_Waiting]] = {}
        self._running: dict[Tenant, dict[Running, None]] = {}  # in the order in which they began
        self._held: dict[Tenant, int] = {}
        self._got: dict[Tenant, float] = {}
        self._times = AnswerTimes()

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
        answer, ended = await self._enter(size, tenant, seconds_left), False
        try:
            yield
            ended = True
        finally:
            if ended:
                self._times.note(self._clock() - answer.began)
            self._leave(answer, size, tenant)

    async def _enter(self, size: Size, tenant: Tenant, seconds_left: float | None) -> Running:
        if self._next() is None and self._fits(size) and self._may_run(tenant, size):
            return self._take(size, tenant)
        self._require_short_wait(size, tenant, seconds_left)
        entry = _Waiting(size, tenant)
        self._got.setdefault(tenant, self._least())
        self._waiting.setdefault(tenant, deque()).append(entry)
        self._let_in()
        try:
            return await entry.turn
        except asyncio.CancelledError:
            if entry.turn.cancelled():
                self._forget(entry)
                self._let_in()
            else:
                self._leave(entry.turn.result(), size, tenant)
            raise

    def _require_short_wait(self, size: Size, tenant: Tenant, seconds_left: float | None) -> None:
        slots, places, waiting = self._room.slots, tenant.places(self._room.slots), self._waiting.get(tenant, ())
        before, own = self._before(tenant), sum(min(each.size.slots, places) for each in waiting)
        wanted, own_wanted = before + min(size.slots, slots), own + min(size.slots, places)
        usual, now = self._times.usual, self._clock()
        all_running = merge(*self._running.values(), key=lambda each: each.began)
        until_slot = until_free(all_running, self._slots, wanted, slots, usual, now)
        running, held = self._running.get(tenant, ()), self._held.get(tenant, 0)
        until_own = until_free(running, held, own_wanted, places, usual, now)
        wait = max(max(wanted / slots, own_wanted / places) * self._times.mean, until_slot, until_own)
        if len(waiting) >= tenant.limits.queue:
            raise _refused(f"{len(waiting)} requests of this tenant wait already", wait)
        if (before and wanted / slots > self._longest_wait) or (own and own_wanted / places > self._longest_wait):
            raise _refused("too many requests wait for this model", wait)
        if self._is_long(until_slot, slots) or self._is_long(until_own, places):
            raise _refused("all places are taken, and none is free soon", wait)
        if seconds_left is not None and wait > seconds_left:
            raise _refused("the deadline would pass before there is a place", wait)

    def _is_long(self, seconds: float, places: int) -> bool:
        return seconds > self._times.usual * max(self._longest_wait, 1 / places)

    def _before(self, tenant: Tenant) -> int:
        """Slots of the requests that go before a new one of this tenant: those of a better priority, and, of the same, as many of
        each other tenant as of its own."""
        own, before = len(self._waiting.get(tenant, ())), list[_Waiting]()
        for other, entries in self._waiting.items():
            if other is tenant or other.limits.priority < tenant.limits.priority:
                before += entries
            elif other.limits.priority == tenant.limits.priority:
                before += islice(entries, own + 1)
        return sum(min(each.size.slots, self._room.slots) for each in before)

    def _let_in(self) -> None:
        while (tenant := self._next()) is not None:
            entry = self._waiting[tenant][0]
            if entry.turn.cancelled():  # its client left and its task has yet to say so
                self._forget(entry)
                continue
            if not self._fits(entry.size):
                return  # a larger one is not overtaken for ever by smaller ones
            answer = self._take(entry.size, tenant)
            self._forget(entry)
            entry.turn.set_result(answer)

    def _next(self) -> Tenant | None:
        ready = [each for each, queue in self._waiting.items() if self._may_run(each, queue[0].size)]
        return min(ready, key=lambda each: (each.limits.priority, self._got[each], self._held.get(each, 0)), default=None)

    def _may_run(self, tenant: Tenant, size: Size) -> bool:
        return tenant.may_run(self._held.get(tenant, 0), size.slots)

    def _fits(self, size: Size) -> bool:
        """A request that is larger than all the room is let in alone."""
        fits = self._slots + size.slots <= self._room.slots and self._tokens + size.tokens <= self._room.tokens
        return fits or not self._slots

    def _take(self, size: Size, tenant: Tenant) -> Running:
        self._got[tenant] = self._got.get(tenant, self._least()) + size.tokens
        self._slots, self._tokens = self._slots + size.slots, self._tokens + size.tokens
        self._held[tenant] = self._held.get(tenant, 0) + size.slots
        answer = Running(size.slots, self._clock())
        self._running.setdefault(tenant, {})[answer] = None
        return answer

    def _least(self) -> float:
        """What the tenant with the fewest tokens got, of those that are there: one that comes does not bring a credit."""
        return min(self._got.values(), default=0.0)

    def _leave(self, answer: Running, size: Size, tenant: Tenant) -> None:
        self._slots, self._tokens = self._slots - size.slots, self._tokens - size.tokens
        self._held[tenant] -= size.slots
        del self._running[tenant][answer]
        if not self._running[tenant]:
            del self._running[tenant], self._held[tenant]
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


def _refused(given: str, seconds: float) -> OverloadedError:
    """`seconds` is 0 while no answer has come to its end yet, so that nobody knows."""
    when = f"in {seconds:.1f} s" if seconds else "shortly"
    return OverloadedError(given, "", f"send the request again {when}", seconds)
