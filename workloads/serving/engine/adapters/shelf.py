"""The adapters that an engine holds: brought when they are asked for, within a budget of memory; the one that was asked for
longest ago makes room, but never one in use.

A thread of its own brings them, one after the other, so that neither the engine nor an event loop waits for a disk. Not for what
an adapter is made of (reader.py).
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cluster.errors import OverloadedError, UnavailableError, UserError
from cluster.observe import logs
from workloads.serving.engine.adapters.mixture import Loaded
from workloads.serving.engine.base import Adapter

_LOG = logging.getLogger(__name__)


class Source(Protocol):
    """Where adapters come from (reader.py)."""

    def folder(self, adapter: Adapter) -> Path: ...
    def bytes(self, adapter: Adapter, folder: Path) -> int: ...
    def load(self, adapter: Adapter, folder: Path) -> Loaded: ...


@dataclass(eq=False)
class _Place:
    """An adapter in memory, and how many requests use it."""

    adapter: Adapter
    loaded: Loaded
    bytes: int
    users: int = 0


class Shelf:
    """At most `limit` bytes; `forget` is told who has left."""

    def __init__(self, source: Source, limit: int, forget: Callable[[Loaded], None]) -> None:
        self._source, self._limit, self._forget = source, limit, forget
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._changed = threading.Condition()
        self._waits_for_room = self._closed = False
        self._loader = ThreadPoolExecutor(1, "hanlin-adapters")

    @property
    def names(self) -> list[str]:
        """The adapters held, the one that was asked for longest ago first."""
        with self._changed:
            return [place.adapter.name for place in self._places.values()]

    @asynccontextmanager
    async def held(self, adapter: Adapter, deadline: float) -> AsyncIterator[Loaded]:
        """The adapter, for the time of the block; waits for room where those in use take all of it. While one request waits so,
        others come after it, also those for what is there: nobody is kept out for ever.

        `deadline` is seconds since the epoch (0: none). Raises OverloadedError once it has passed, UserError for an adapter that
        does not fit the model or the budget, ModelNotFoundError for one that is gone, UnavailableError when closed.
        """
        place = self._use(adapter) or await self._bring(adapter, deadline)
        try:
            yield place.loaded
        finally:
            self._give_back(place)

    def close(self) -> None:
        """Whoever waits is told; nothing is brought any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._loader.shutdown(wait=False, cancel_futures=True)

    def _use(self, adapter: Adapter, first: bool = False) -> _Place | None:
        """The adapter, where it is there and nobody waits who must be `first`."""
        with self._changed:
            place = self._places.get(adapter.content)
            if place is None or (self._waits_for_room and not first):
                return None
            place.users += 1
            self._places.move_to_end(adapter.content)
            return place

    async def _bring(self, adapter: Adapter, deadline: float) -> _Place:
        if self._closed:
            raise _closed()
        future = self._loader.submit(self._load, adapter)
        try:
            async with asyncio.timeout(max(deadline - time.time(), 0.0) if deadline else None):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            future.add_done_callback(self._not_wanted)
            raise OverloadedError("other adapters are in use and take all of serving.adapter_mb", "", "try again") from error
        except asyncio.CancelledError:
            future.add_done_callback(self._not_wanted)
            if self._closed:
                raise _closed() from None
            raise

    def _not_wanted(self, future: "Future[_Place]") -> None:
        if not future.cancelled() and future.exception() is None:
            self._give_back(future.result())

    def _give_back(self, place: _Place) -> None:
        with self._changed:
            place.users -= 1
            self._changed.notify_all()

    # In the loader's thread.

    def _load(self, adapter: Adapter) -> _Place:
        if (place := self._use(adapter, first=True)) is not None:
            return place
        started = time.monotonic()
        folder = self._source.folder(adapter)
        size = self._source.bytes(adapter, folder)
        if size > self._limit:
            raise UserError(
                f"the adapter {adapter.name} takes {size / 2**20:.1f} MB",
                f"serving.adapter_mb is {self._limit >> 20}",
                "raise it",
            )
        self._make_room(size)
        place = _Place(adapter, self._source.load(adapter, folder), size, users=1)
        with self._changed:
            self._places[adapter.content] = place
        seconds = round(time.monotonic() - started, 3)
        logs.event(_LOG, "adapter_loaded", adapter=adapter.name, mb=round(size / 2**20, 2), seconds=seconds)
        return place

    def _make_room(self, size: int) -> None:
        with self._changed:
            self._waits_for_room = True
            try:
                self._changed.wait_for(lambda: self._closed or self._in_use() + size <= self._limit)
            finally:
                self._waits_for_room = False
            if self._closed:
                raise _closed()
            idle = [place for place in self._places.values() if not place.users]
            while sum(place.bytes for place in self._places.values()) + size > self._limit:
                left = idle.pop(0)
                del self._places[left.adapter.content]
                self._forget(left.loaded)
                logs.event(_LOG, "adapter_left", adapter=left.adapter.name)

    def _in_use(self) -> int:
        return sum(place.bytes for place in self._places.values() if place.users)


def _closed() -> UnavailableError:
    return UnavailableError("this replica takes no more requests", "", "send the request again")
