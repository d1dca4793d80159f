"""The openvino engine: continuous batching over a paged graph, stepping in its own thread.

Every step frees what was cancelled, admits what waits, and runs one pass in which prompts are read and answers go on side
by side. Loads neither torch nor transformers. Not for the graph (paged.py), the bookkeeping (schedule.py) or choosing
tokens (draw.py).
"""

import asyncio
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.errors import UnavailableError
from cluster.observe.traces import start_span
from workloads.serving.engine.base import (
    Capabilities,
    Chunk,
    Engine,
    EngineSettings,
    Finish,
    Request,
    Stats,
    TokenScore,
    Unfinished,
)
from workloads.serving.engine.delivery import Outbox, Stream
from workloads.serving.engine.openvino.description import read_description
from workloads.serving.engine.openvino.draw import choose, score
from workloads.serving.engine.openvino.paged import PagedModel, Piece
from workloads.serving.engine.openvino.schedule import Part, Row, Schedule, block_count

_LOG = logging.getLogger(__name__)
_DRAIN_POLL_SECONDS = 0.02
_COUNTED_AS: dict[Finish, str] = {
    "stop": "finished",
    "length": "finished",
    "error": "failed",
    "cancelled": "cancelled",
    "deadline": "cancelled",
    "drained": "cancelled",
}
_IDLE_BYTES = 512 << 20  # keys and values kept for prompts that may come again


class OpenVinoEngine(Engine):
    """Loads an engine build (export.py made it) and starts its thread."""

    def __init__(self, folder: Path, settings: EngineSettings) -> None:
        build = read_description(folder)
        context = min(settings.max_context or build.max_context, build.max_context)
        self.capabilities = Capabilities("openvino", context, build.vocabulary, settings.slots, "cpu", build.parameters)
        self._prefill_tokens = settings.prefill_tokens
        self._model = PagedModel(folder, build.precision, settings.threads, block_count(settings.slots, context))
        self._schedule = Schedule(settings.slots, context, _IDLE_BYTES // self._model.block_bytes)
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._outbox = Outbox()
        self._stats = Stats(slots=settings.slots)
        self._counts: Counter[str] = Counter()
        self._busy_seconds = 0.0
        self._accepting, self._closed = True, False
        self._thread = threading.Thread(target=self._run, name="hanlin-engine", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    # Called from event loops.

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        self.check(request)
        if not self._accepting:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")
        tokens = [*request.token_ids, *request.resume_tokens]
        row = Row(request, Stream(), tokens, len(tokens))
        span = start_span("engine.generate", request.traceparent, request_id=request.origin, engine=self.capabilities.engine)
        self._commands.put(lambda: self._schedule.enqueue(row))
        ended: Finish | None = None
        sent = 0
        try:
            while ended is None:
                chunk = await row.stream.next()
                if not sent and chunk.token_ids:
                    span.event("first_token")
                sent, ended = sent + len(chunk.token_ids), chunk.finish
                yield chunk
        finally:
            whole = ended in (None, "stop", "length")
            span.end("" if whole else str(ended), prompt_tokens=row.prompt, generated_tokens=sent)
            if ended is None:
                self.cancel(request.id)

    def cancel(self, request_id: str) -> None:
        self._commands.put(lambda: self._end(request_id, "cancelled"))

    def stats(self) -> Stats:
        return self._stats

    async def drain(self, seconds: float) -> list[Unfinished]:
        self._accepting = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and (self._schedule.rows or self._schedule.waiting or not self._commands.empty()):
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
                if self._schedule.rows or self._schedule.waiting:
                    self._step()
                self._tell_stats()
                if not self._schedule.rows:
                    self._outbox.send()
        finally:
            self._accepting = False
            self._end_all("error" if not self._closed else "cancelled")
            self._tell_stats()
            self._outbox.send()

    def _take_commands(self) -> None:
        """Do what was asked for since the last step; wait where there is nothing else to do."""
        idle = not (self._schedule.rows or self._schedule.waiting)
        while idle or not self._commands.empty():
            self._commands.get()()
            idle = False

    def _step(self) -> None:
        started = time.perf_counter()
        self._expire()
        self._schedule.admit()
        parts = self._schedule.plan(self._prefill_tokens)
        try:
            self._pass(parts)
        except Exception as error:  # noqa: BLE001 - whatever the graph raises belongs to these requests, not to the engine
            _LOG.exception("engine_step_failed requests=%d", len(parts))
            for part in parts:
                self._end(part.row.request.id, "error", f"{type(error).__name__}: {error}")
        self._counts["steps"] += 1
        self._busy_seconds += time.perf_counter() - started

    def _pass(self, parts: list[Part]) -> None:
        if not parts:
            return
        pieces = [_piece(part) for part in parts]
        self._model.give(pieces)
        self._outbox.send()  # the last pass's tokens: whoever waits for them works while the graph does
        logits = self._model.logits()
        ends = np.cumsum([piece.picks for piece in pieces]) - 1
        for part, piece, end in zip(parts, pieces, ends.tolist(), strict=True):
            if part.row.scores_prompt:
                _score_prompt(part, logits[end + 1 - piece.picks : end + 1])
        choosing = [(part.row, end) for part, end in zip(parts, ends.tolist(), strict=True) if part.last]
        for part in parts:
            self._schedule.passed(part)
            if part.row.read <= part.row.prompt:
                self._counts["prompt_tokens"] += part.width
        if choosing:
            rows, picks = zip(*choosing, strict=True)
            self._choose(list(rows), logits if len(picks) == len(logits) else logits[list(picks)])

    def _choose(self, rows: list[Row], logits: NDArray[np.float32]) -> None:
        samplings = [row.request.sampling for row in rows]
        ids = choose(logits, samplings, [len(row.request.resume_tokens) + row.generated for row in rows])
        scores = _scores(rows, logits, ids)
        for index, (row, token) in enumerate(zip(rows, ids, strict=True)):
            if not row.request.max_new_tokens:
                chunk = Chunk(prompt_scores=tuple(row.prompt_scores), finish="length")
            else:
                chunk = row.accept(token, scores.get(index), self.capabilities.max_context)
            self._counts["generated_tokens"] += len(chunk.token_ids)
            self._outbox.put(row.stream, chunk)
            if chunk.finish:
                self._end(row.request.id, chunk.finish, told=True)

    def _expire(self) -> None:
        now = time.time()
        for row in self._schedule.every():
            if row.request.deadline and row.request.deadline < now:
                self._end(row.request.id, "deadline")

    def _end(self, request_id: str, finish: Finish, error: str = "", told: bool = False) -> None:
        """Free the request's place and tell its stream, wherever it is."""
        row = self._schedule.remove(request_id)
        if row is None:
            return
        if not told:
            self._outbox.put(row.stream, Chunk(finish=finish, error=error))
        self._counts[_COUNTED_AS[finish]] += 1

    def _end_all(self, finish: Finish) -> list[Unfinished]:
        rows = self._schedule.every()
        left = [Unfinished(row.request.id, (*row.request.resume_tokens, *row.tokens[row.prompt :])) for row in rows]
        for each in left:
            self._end(each.id, finish)
        return left

    def _stop(self) -> None:
        self._end_all("cancelled")
        self._closed = True

    def _tell_stats(self) -> None:
        """Before anybody hears of what they count."""
        schedule = self._schedule
        self._stats = Stats(
            running=len(schedule.rows),
            waiting=schedule.waiting,
            slots=self.capabilities.slots,
            cached_tokens=sum(row.read for row in schedule.rows),
            busy_seconds=self._busy_seconds,
            **self._counts,
        )


def _piece(part: Part) -> Piece:
    """Logits of the last token, or of all where the prompt is scored; of none while more of the prompt is to come."""
    row = part.row
    tokens = row.tokens[row.read : row.read + part.width]
    return Piece(tokens, row.read, row.blocks, part.width if row.scores_prompt else int(part.last))


def _score_prompt(part: Part, logits: NDArray[np.float32]) -> None:
    """Score the tokens that these logits predict, as far as they belong to the prompt that the client sent."""
    row = part.row
    known = row.request.token_ids[row.read + 1 : row.read + 1 + len(logits)]
    if known:
        row.prompt_scores += score(logits[: len(known)], known, row.request.sampling.prompt_logprobs or 0)


def _scores(rows: list[Row], logits: NDArray[np.float32], ids: list[int]) -> dict[int, TokenScore]:
    wanted = {index: row.request.sampling.logprobs for index, row in enumerate(rows)}
    return {
        index: score(logits[index : index + 1], [ids[index]], count)[0] for index, count in wanted.items() if count is not None
    }
