"""One generation that any number of requests read, each from the beginning, whenever it came.

It runs in a task of its own: the client that began it may leave while others read on. When the last reader has left, it is
cancelled, which frees the replica's place. Not for what is kept afterwards (cache.py).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

from app.gateway.cache.recording import Event, Recording, join

Source = AsyncGenerator[Event, None]


class Flight:
    """`ended` is called once with the whole answer, or with None where there is none."""

    def __init__(self, source: Source, ended: Callable[[Recording | None], None]) -> None:
        self._events: list[Event] = []
        self._error: BaseException | None = None
        self._over, self._readers = False, 0
        self._news = asyncio.Event()
        self._ended = ended
        self._task = asyncio.create_task(self._run(source))

    @contextmanager
    def reading(self) -> Iterator[Source]:
        """All events from the first on: those that are there joined into one per choice, then each as it comes. They end in
        what the generation raised, where it failed. Who reads is counted until the block is left."""
        self._readers += 1
        try:
            yield self._read()
        finally:
            self._readers -= 1
            if not self._readers and not self._over:
                self._task.cancel()
                self._end(None)

    async def _read(self) -> Source:
        place = 0
        while True:
            if place < len(self._events):
                fresh = self._events[place:]
                place += len(fresh)
                for event in join(fresh) if len(fresh) > 1 else fresh:
                    yield event
            elif self._error is not None:
                raise self._error
            elif self._over:
                return
            else:
                await self._news.wait()

    async def _run(self, source: Source) -> None:
        try:
            async with aclosing(source):
                async for event in source:
                    self._events.append(event)
                    self._tell()
            self._end(Recording(tuple(join(self._events))))
        except Exception as error:  # noqa: BLE001 - carried to the readers, who raise it
            self._error = error
            self._end(None)

    def _end(self, answer: Recording | None) -> None:
        if not self._over:
            self._over = True
            self._ended(answer)
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
