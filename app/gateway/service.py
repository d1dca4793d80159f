"""From a request that is understood to an answer: whole, or as server-sent events. Counts and times both.

Not for paths and status codes (http.py) nor for JSON's fields (shapes.py).
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

from fastapi.responses import JSONResponse, Response

from app.gateway.adapters import Adapters
from app.gateway.answer import Echo, Piece, ScoredToken, TextStream, read_answer
from app.gateway.cache.cache import ResponseCache
from app.gateway.cache.key import answer_key
from app.gateway.cache.note import Status, cache_header, cached_tokens, note
from app.gateway.cache.shared import SharedAnswers
from app.gateway.failures import error_body
from app.gateway.job import Job
from app.gateway.limits.admission import Admission
from app.gateway.limits.caller import Caller, current_caller
from app.gateway.limits.deadline import until
from app.gateway.metrics import Metrics
from app.gateway.models import Models, Served
from app.gateway.schema import SamplingBody
from app.gateway.semantic.answers import SemanticAnswers
from app.gateway.semantic.question import question_of
from app.gateway.settings import GatewaySettings
from app.gateway.shapes import Shape, usage
from app.gateway.stream import EventStream, sse
from app.gateway.trials import Trials
from app.gateway.upstream import Upstream
from cluster.errors import HanlinError, RequestError
from cluster.observe.metrics import SERVING_BROKEN
from workloads.serving.engine.base import Request

_LOG = logging.getLogger(__name__)
REVISION_HEADER = "x-hanlin-revision"
Event = tuple[int, Piece]


@dataclass
class _Choice:
    """An answer being put together."""

    text: str = ""
    scores: list[ScoredToken] = field(default_factory=list)
    tokens: int = 0
    finish: str | None = None

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.scores += piece.scores
        self.tokens += piece.tokens
        self.finish = piece.finish


class Service:
    """What all requests of a gateway share."""

    def __init__(self, upstream: Upstream, request_seconds: float, settings: GatewaySettings | None = None) -> None:
        self.settings = settings = settings or GatewaySettings()
        self.models, self.metrics = Models(upstream, Adapters(settings.adapters)), Metrics()
        self.upstream, self.request_seconds = upstream, request_seconds
        self.admission = Admission(settings.limits, settings.gateways, upstream.stats)
        kept = settings.cache
        shared = SharedAnswers(kept.redis, kept.redis_seconds) if kept.redis and kept.megabytes else None
        self.cache = ResponseCache((kept.megabytes << 20) // 2, shared)
        self.trials = Trials(self.models, upstream, request_seconds)
        made = settings.semantic
        self._semantic = SemanticAnswers(made, self.models, upstream, self.cache, self.encoding) if made else None
        self._ongoing = 0

    async def respond(self, endpoint: str, body: SamplingBody, job: Job, shape: Shape) -> Response:
        """The HTTP answer to a job. Nothing is sent before the first text is there, so that errors until then have their
        own status."""
        job, events = await self.begin(endpoint, body, job)
        scored = _wants_scores(job)
        shape.by(job.served.revision)
        headers = {REVISION_HEADER: job.served.revision}
        if not body.stream:
            whole = await _collect(events, job, shape, scored)
            return JSONResponse(whole, headers=headers | cache_header())
        first = await anext(events)
        return EventStream(_lines(first, events, body, job, shape, scored), headers | cache_header())

    async def begin(self, endpoint: str, body: SamplingBody, job: Job) -> tuple[Job, AsyncGenerator[Event, None]]:
        """Who answers in the end, and the pieces of all its answers: another revision than the job's where that one is on
        trial and fails."""
        return await self.trials.answer(body, job, partial(self.answering, endpoint), self._events)

    def answering(self, endpoint: str, body: SamplingBody, job: Job) -> AsyncGenerator[Event, None]:
        """The pieces of all answers of a job as they come: kept ones, or those of a generation, counted and timed."""
        caller = current_caller()

        def tell(status: Status) -> None:
            self.metrics.looked_up(status)
            note(status, endpoint, body.model, job.served)

        key = self._key(body, job, caller)
        answer = self.cache.answer(key, lambda: self._generate(endpoint, body, job, caller), tell, self.trials.by_itself(job))
        events = answer.events()
        question = question_of(body, job, caller.tenant) if self._semantic and key else None
        if self._semantic and key and question:
            events = self._semantic.answer(question, key, events, tell)
        return until(caller.deadline, events)

    def hit_again(self, endpoint: str, revision: str) -> None:
        """Count an answer that the shortcut gave."""
        self.metrics.looked_up("hit")
        self.metrics.answered(endpoint, 200, revision)

    def _key(self, body: SamplingBody, job: Job, caller: Caller) -> str | None:
        kept = self.settings.cache
        if not kept.megabytes or not caller.cached:
            return None
        return answer_key(job, "" if kept.scope == "shared" else caller.tenant, body.seed is not None)

    async def _generate(self, endpoint: str, body: SamplingBody, job: Job, caller: Caller) -> AsyncGenerator[Event, None]:
        """Ask the replicas, once there is a place for it."""
        async with self.admission.place(job, caller) as tenant:
            requests = tuple(replace(each, priority=tenant.limits.priority) for each in job.requests)
            ours = replace(job, requests=requests)
            async with aclosing(_Timer(endpoint, ours, self).watch(self._events(body, ours))) as events:
                async for event in events:
                    tenant.use(event[1].tokens)
                    yield event

    @asynccontextmanager
    async def encoding(self, served: Served, batch: Sequence[tuple[int, ...]]) -> AsyncIterator[None]:
        """A place for a batch that an encoder reads in the block; the caller pays for its tokens. Raises OverloadedError, RequestError
        for an adapter."""
        if served.adapter is not None:
            raise RequestError(
                f"the adapter {served.adapter.name}", "adapters answer, they encode nothing", f"ask {served.model}", "model"
            )
        caller = current_caller()
        whole = Request(uuid.uuid4().hex, tuple(chain.from_iterable(batch)), 0)
        async with (
            asyncio.timeout(caller.seconds_left()),
            self.admission.place(Job(served, tuple(batch), (whole,), ()), caller),
        ):
            yield

    def counted(self, endpoint: str, response: Response) -> Response:
        """An answer on its way out, told to the metrics."""
        self.metrics.answered(endpoint, response.status_code, response.headers.get(REVISION_HEADER, ""))
        return response

    def _events(self, body: SamplingBody, job: Job) -> AsyncGenerator[Event, None]:
        pause = self._pause(bool(body.stream), bool(job.stops))
        answers = []
        for index, request in enumerate(job.requests):
            echo = None
            if job.echo:
                place = job.prompt_of(index)
                echo = Echo(job.echo[place], job.prompts[place], request.sampling.prompt_logprobs is not None)
            chunks = self.trials.chunks(job, request, pause)
            answers.append(read_answer(chunks, TextStream(job.served.vocabulary, job.stops, echo)))
        return _merge(answers)

    def _pause(self, stream: bool, stops: bool) -> float:
        """Seconds between two chunks from a replica. A message costs processor time that decoding then lacks: alone a
        stream gets every token at once, in company a few together; an answer sent whole needs only to see its stop
        strings in time, and that not too much is generated again where a replica is lost."""
        if stream:
            return min(0.004 * max(self._ongoing - 1, 0), 0.08)
        return 0.1 if stops else 0.5


class _Timer:
    """Counts and times one job while its events pass."""

    def __init__(self, endpoint: str, job: Job, service: Service) -> None:
        self._endpoint, self._job, self._service = endpoint, job, service
        self._started = time.monotonic()

    async def watch(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        metrics, served = self._service.metrics, self._job.served
        names = (self._endpoint, served.model, served.revision)
        metrics.prompt_tokens.labels(*names[1:]).inc(self._job.prompt_tokens)
        self._change(1)
        first = True
        try:
            async with aclosing(events):
                async for index, piece in events:
                    if first:
                        metrics.first_token(*names, time.monotonic() - self._started)
                        first = False
                    metrics.generated_tokens.labels(*names[1:]).inc(piece.tokens)
                    yield index, piece
            metrics.whole(*names, time.monotonic() - self._started)
        except (GeneratorExit, asyncio.CancelledError):
            metrics.disconnects.inc()
            raise
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        self._service._ongoing += by
        self._service.metrics.set_ongoing(self._service._ongoing)


async def _merge(answers: Sequence[AsyncGenerator[Piece, None]]) -> AsyncGenerator[Event, None]:
    """Events of all answers as they come; leaving early closes every one."""
    if len(answers) == 1:
        async with aclosing(answers[0]) as only:
            async for piece in only:
                yield 0, piece
        return
    queue: asyncio.Queue[Event | BaseException | None] = asyncio.Queue()

    async def pump(index: int, answer: AsyncGenerator[Piece, None]) -> None:
        try:
            async with aclosing(answer):
                async for piece in answer:
                    queue.put_nowait((index, piece))
            queue.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - carried to the reader, who raises it
            queue.put_nowait(error)

    tasks = [asyncio.create_task(pump(index, answer)) for index, answer in enumerate(answers)]
    try:
        left = len(tasks)
        while left:
            event = await queue.get()
            if isinstance(event, BaseException):
                raise event
            if event is None:
                left -= 1
            else:
                yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _collect(events: AsyncGenerator[Event, None], job: Job, shape: Shape, scored: bool) -> dict[str, Any]:
    choices = [_Choice() for _ in job.requests]
    async with aclosing(events):
        async for index, piece in events:
            choices[index].add(piece)
    made = [shape.choice(i, c.text, c.scores if scored else None, c.finish) for i, c in enumerate(choices)]
    used = usage(job.prompt_tokens, sum(choice.tokens for choice in choices), cached_tokens(job.prompt_tokens))
    return shape.answer(made, used)


async def _lines(
    first: Event, events: AsyncGenerator[Event, None], body: SamplingBody, job: Job, shape: Shape, scored: bool
) -> AsyncGenerator[bytes, None]:
    """Server-sent events. What breaks the stream is told in an event of its own; only a whole answer ends in [DONE]."""
    async with aclosing(events):
        try:
            cached = cached_tokens(job.prompt_tokens)
            for index in range(len(job.requests)):
                if opening := shape.opening(index):
                    yield sse(shape.chunk([opening]))
            tokens = first[1].tokens
            yield sse(shape.chunk([_delta(shape, first, scored)]))
            async for event in events:
                tokens += event[1].tokens
                yield sse(shape.chunk([_delta(shape, event, scored)]))
            if body.include_usage:
                yield sse(shape.chunk([], usage(job.prompt_tokens, tokens, cached)))
            yield b"data: [DONE]\n\n"
        except Exception as error:  # noqa: BLE001 - the status is sent already: the client must hear of it in the stream
            yield sse(error_body(broken(error, job)))


def broken(error: Exception, job: Job) -> HanlinError:
    """What broke a stream off, counted, as its client is told."""
    SERVING_BROKEN.record(revision=job.served.revision)
    if isinstance(error, HanlinError):
        return error
    _LOG.error("stream_failed", exc_info=error)
    return HanlinError("the answer broke off", "", "send the request again")


def _delta(shape: Shape, event: Event, scored: bool) -> dict[str, Any]:
    index, piece = event
    return shape.delta(index, piece.text, piece.scores if scored else None, piece.finish)


def _wants_scores(job: Job) -> bool:
    return job.requests[0].sampling.logprobs is not None
