"""From the engine's thread to the event loops of those who wait: one wake-up per loop and step, chunks joined if nobody
came for them in time.
"""

import asyncio
import contextlib
from collections import defaultdict

from workloads.serving.engine.base import Chunk


class Stream:
    """The receiving end of one request; used on its own event loop alone."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None
        self._chunk: Chunk | None = None
        self._paused = False

    def put(self, chunk: Chunk) -> None:
        self._chunk = chunk if self._chunk is None else self._chunk.then(chunk)
        self._wake()

    async def next(self, not_before: float = 0.0) -> Chunk:
        """All that has come since the last call. Waits for something to come, and until the loop's time `not_before` unless
        the answer is at its end."""
        self._paused = not_before > self.loop.time()
        timer = self.loop.call_at(not_before, self._end_pause) if self._paused else None
        try:
            while (chunk := self._ready()) is None:
                self._waiting = self.loop.create_future()
                await self._waiting
        finally:
            if timer is not None:
                timer.cancel()
        self._chunk = None
        return chunk

    def _ready(self) -> Chunk | None:
        chunk = self._chunk
        return None if chunk is None or (self._paused and chunk.finish is None) else chunk

    def _end_pause(self) -> None:
        self._paused = False
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done() and self._ready():
            self._waiting.set_result(None)


class Outbox:
    """What a step has to tell, sent when the step is over."""

    def __init__(self) -> None:
        self._letters: dict[asyncio.AbstractEventLoop, list[tuple[Stream, Chunk]]] = defaultdict(list)

    def put(self, stream: Stream, chunk: Chunk) -> None:
        self._letters[stream.loop].append((stream, chunk))

    def send(self) -> None:
        letters, self._letters = self._letters, defaultdict(list)
        for loop, batch in letters.items():
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                loop.call_soon_threadsafe(_deliver, batch)


def _deliver(batch: list[tuple[Stream, Chunk]]) -> None:
    for stream, chunk in batch:
        stream.put(chunk)
