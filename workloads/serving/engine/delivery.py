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

    def put(self, chunk: Chunk) -> None:
        self._chunk = chunk if self._chunk is None else self._chunk.then(chunk)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def next(self) -> Chunk:
        """All that has come since the last call; waits for something to come."""
        while self._chunk is None:
            self._waiting = self.loop.create_future()
            await self._waiting
        chunk, self._chunk = self._chunk, None
        return chunk


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
