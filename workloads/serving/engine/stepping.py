"""What every engine with a thread of its own does the same way: take requests from event loops, step while there are any,
tell what was chosen, count, drain, end.

Not for what a step computes: that is each engine's. Not for who has which place: that is its schedule's.
"""

import asyncio
import logging
import queue
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from cluster.errors import UnavailableError
from cluster.observe.traces import start_span
from workloads.serving.engine.base import COUNTED_AS, Capabilities, Chunk, Engine, Finish, Request, Stats, Unfinished
from workloads.serving.engine.delivery import Outbox, Stream
from workloads.serving.engine.grammar import Constraint, Grammars

_LOG = logging.getLogger(__name__)
_DRAIN_POLL_SECONDS = 0.02


Enqueue = Callable[[Request, Stream, Constraint | None], None]


class OnTheWay(Protocol):
    """A request, waiting or running. `answer` are the tokens generated here, `length` counts those in the cache."""

    @property
    def request(self) -> Request: ...
    @property
    def stream(self) -> Stream: ...
    @property
    def answer(self) -> Sequence[int]: ...
    @property
    def length(self) -> int: ...


class Places(Protocol):
    """Who runs and who waits."""

    @property
    def rows(self) -> Sequence[OnTheWay]: ...
    @property
    def waiting(self) -> int: ...
    def every(self) -> Sequence[OnTheWay]: ...
    def enqueue(self, request: Request, stream: Stream, constraint: Constraint | None) -> None: ...
    def remove(self, request_id: str) -> OnTheWay | None: ...


class SteppingEngine(Engine):
    """Starts its thread; a subclass, which is complete by then, says what a step is."""

    def __init__(self, capabilities: Capabilities, places: Places, grammars: Grammars) -> None:
        self.capabilities = capabilities
        self._places, self._grammars = places, grammars
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._outbox = Outbox()
        self._stats = Stats(slots=capabilities.slots)
        self._counts: Counter[str] = Counter()
        self._busy_seconds = 0.0
        self._accepting, self._closed = True, False
        self._thread = threading.Thread(target=self._run, name="hanlin-engine", daemon=True)
        self._thread.start()

    @abstractmethod
    def _step(self) -> None:
        """Admit, send what the last step told, compute one pass, give each chosen token to `_tell`, a failure to `_fail`."""

    @property
    def _busy(self) -> bool:
        """Whether there is anything to step for."""
        return bool(self._places.every())

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    # Called from event loops.

    async def generate(self, request: Request, pause: float = 0.0) -> AsyncGenerator[Chunk, None]:
        self.check(request)
        self._require_open()
        constraint = await asyncio.to_thread(self._grammars.start, request) if request.grammar else None
        async with self._ready_for(request) as enqueue:
            self._require_open()
            stream = Stream()
            span = start_span(
                "engine.generate", request.traceparent, request_id=request.origin, engine=self.capabilities.engine
            )
            self._commands.put(lambda: enqueue(request, stream, constraint))
            ended: Finish | None = None
            sent, not_before = 0, 0.0
            try:
                while ended is None:
                    chunk = await stream.next(not_before)
                    not_before = stream.loop.time() + pause
                    if not sent and chunk.token_ids:
                        span.event("first_token")
                    sent, ended = sent + len(chunk.token_ids), chunk.finish
                    yield chunk
            finally:
                given = len(request.token_ids) + len(request.resume_tokens)
                span.end("" if ended in (None, "stop", "length") else str(ended), prompt_tokens=given, generated_tokens=sent)
                if ended is None:
                    self.cancel(request.id)

    @asynccontextmanager
    async def _ready_for(self, request: Request) -> AsyncIterator[Enqueue]:
        """How a request comes to its place. A subclass gets ready here what the request needs until the block ends."""
        yield self._places.enqueue

    def _require_open(self) -> None:
        if not self._accepting:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")

    def cancel(self, request_id: str) -> None:
        self._commands.put(lambda: self._end(request_id, "cancelled"))

    def stats(self) -> Stats:
        return self._stats

    async def drain(self, seconds: float) -> list[Unfinished]:
        self._accepting = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and (self._busy or not self._commands.empty()):
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        loop = asyncio.get_running_loop()
        left: asyncio.Future[list[Unfinished]] = loop.create_future()

        def end_the_rest() -> None:
            loop.call_soon_threadsafe(left.set_result, self._end_all("drained"))

        self._commands.put(end_the_rest)
        return await left

    def close(self) -> None:
        self._accepting = False
        self._commands.put(self._stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # Everything below runs in the engine's thread.

    def _run(self) -> None:
        try:
            while not self._closed:
                self._take_commands()
                if self._busy:
                    self._timed_step()
                self._tell_stats()
                if not self._places.rows:
                    self._outbox.send()
        finally:
            self._accepting = False
            self._end_all("error" if not self._closed else "cancelled")
            self._tell_stats()
            self._outbox.send()

    def _take_commands(self) -> None:
        """Do what was asked for since the last step; wait where there is nothing else to do."""
        idle = not self._busy
        while idle or not self._commands.empty():
            self._commands.get()()
            idle = False

    def _timed_step(self) -> None:
        started = time.perf_counter()
        self._expire()
        self._step()
        self._counts["steps"] += 1
        self._busy_seconds += time.perf_counter() - started

    def _fail(self, rows: Sequence[OnTheWay], error: Exception) -> None:
        """A pass failed: its requests end, the engine goes on."""
        _LOG.error("engine_step_failed requests=%d", len(rows), exc_info=error)
        for row in rows:
            self._end(row.request.id, "error", f"{type(error).__name__}: {error}")

    def _tell(self, row: OnTheWay, chunk: Chunk) -> None:
        """What was chosen for a row goes out as the next step begins, so that whoever waits works beside it; a finished one
        frees its place now."""
        self._counts["generated_tokens"] += len(chunk.token_ids)
        self._outbox.put(row.stream, chunk)
        if chunk.finish:
            self._end(row.request.id, chunk.finish, told=True)

    def _expire(self) -> None:
        now = time.time()
        for row in self._places.every():
            if row.request.deadline and row.request.deadline < now:
                self._end(row.request.id, "deadline")

    def _end(self, request_id: str, finish: Finish, error: str = "", told: bool = False) -> None:
        """Free the request's place and tell its stream, wherever it is."""
        row = self._places.remove(request_id)
        if row is None:
            return
        if not told:
            self._outbox.put(row.stream, Chunk(finish=finish, error=error))
        self._counts[COUNTED_AS[finish]] += 1

    def _end_all(self, finish: Finish) -> list[Unfinished]:
        left = [Unfinished(row.request.id, (*row.request.resume_tokens, *row.answer)) for row in self._places.every()]
        for each in left:
            self._end(each.id, finish)
        return left

    def _stop(self) -> None:
        self._end_all("cancelled")
        self._closed = True

    def _tell_stats(self) -> None:
        """Before anybody hears of what they count."""
        places = self._places
        self._stats = Stats(
            running=len(places.rows),
            waiting=places.waiting,
            slots=self.capabilities.slots,
            cached_tokens=sum(row.length for row in places.rows),
            busy_seconds=self._busy_seconds,
            **self._counts,
        )
