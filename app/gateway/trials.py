"""A model with a revision on trial: its answers are watched, requests that the trial fails are answered by the last good
revision, and copies of requests go to a revision in shadow. Without a trial all this does nothing, nor for adapters: one belongs to
one revision, and another has nothing to say in its place.

Not for deciding about the revision: that is the release's judge (app/release), which gets what is seen here.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace

from app.gateway.job import Job, chat_job, completion_job
from app.gateway.models import Models, Served
from app.gateway.observation import Observation, Observer
from app.gateway.routes import Route, last_good, on_trial
from app.gateway.schema import ChatBody, CompletionBody, SamplingBody
from app.gateway.tools import plan_tools
from app.gateway.upstream import Upstream
from app.gateway.watch import Event, Watch, is_clients
from cluster.errors import HanlinError, RequestError, UnavailableError
from cluster.observe.logs import event
from workloads.serving.engine.base import Chunk, Request

_LOG = logging.getLogger(__name__)
_COPIES_AT_ONCE = 2  # per gateway; further ones are left out, so that copies never pile up
_TO_BE_TAKEN = 0.25  # of the patience for the first text; a replica that is there takes a request in milliseconds
_BEHIND = 100  # a copy's priority: every request that somebody waits for goes first
Make = Callable[[SamplingBody, Job], AsyncGenerator[Event, None]]


async def remake(body: SamplingBody, served: Served, seconds: float) -> Job:
    """The same request for another revision, with that one's tokenizer and template."""
    if isinstance(body, ChatBody):
        return await chat_job(body, served, seconds, plan_tools(body, served.template))
    if isinstance(body, CompletionBody):
        return await completion_job(body, served, seconds)
    raise RequestError(f"a {type(body).__name__} cannot be asked of another revision")


class Trials:
    """What the requests of one gateway share."""

    def __init__(self, models: Models, upstream: Upstream, request_seconds: float) -> None:
        self.observer = Observer()
        self._models, self._upstream, self._seconds = models, upstream, request_seconds
        self._lost: set[str] = set()
        self._copies: set[asyncio.Task[None]] = set()

    async def answer(
        self, body: SamplingBody, job: Job, make: Make, make_copy: Make
    ) -> tuple[Job, AsyncGenerator[Event, None]]:
        """Who answers in the end, and the answer: begun where it is streamed by a trial, whole where a trial's is not.
        `make_copy` asks for the answer to a copy, which is neither kept nor counted as anybody's."""
        trial = on_trial(self._models.table, job.served.model)
        if trial is None or "@" in body.model or job.served.adapter is not None:
            return job, make(body, job)
        self._copy(body, job, make_copy)
        ours = job.served.revision == trial.revision
        watch = Watch(self.observer, body, job, ours, patience=trial.patience if ours else 0.0)
        watch.lost = lambda: self._was_lost(job)
        events = watch.through(make(body, job))
        if not ours:
            return job, events
        try:
            return job, await _begun(events, whole=not body.stream)
        except Exception as error:
            good = last_good(self._models.table, job.served.model)
            if is_clients(error) or good is None or good.revision == job.served.revision:
                raise
            event(_LOG, "rescued", logging.WARNING, revision=trial.revision, by=good.revision, error=str(error))
            again = await remake(body, await self._models.open(job.served.model, good), self._seconds)
            return again, make(body, again)

    def running(self, name: str) -> bool:
        """Whether a revision of the model of that name is on trial."""
        return on_trial(self._models.table, name.partition("@")[0]) is not None

    def by_itself(self, job: Job) -> Callable[[], bool]:
        """Whether the job's revision said all of the answer, asked once it has ended."""
        ids = {request.id for request in job.requests}
        return lambda: not ids & self._lost

    def rate(self, model: str, revision: str, good: bool) -> None:
        """What a user said of an answer of one of a model's revisions."""
        trial = on_trial(self._models.table, model)
        if trial is not None:
            self.observer.add(Observation(model, revision == trial.revision, rating=1 if good else -1))

    def chunks(self, job: Job, request: Request, pause: float) -> AsyncGenerator[Chunk, None]:
        """A replica's answer. One that a trial breaks off in the middle goes on from its last token under the last good
        revision, where both have the same tokenizer."""
        trial, app = on_trial(self._models.table, job.served.model), job.served.app
        if trial is None or trial.revision != job.served.revision or job.served.adapter is not None:
            return self._upstream.generate(app, request, pause)
        chunks = self._upstream.generate(app, request, pause, trial.patience * _TO_BE_TAKEN)
        return self._carried(job, request, pause, chunks)

    async def _carried(
        self, job: Job, request: Request, pause: float, chunks: AsyncGenerator[Chunk, None]
    ) -> AsyncGenerator[Chunk, None]:
        given: list[int] = []
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    if chunk.finish in ("error", "drained"):
                        raise UnavailableError(f"{job.served.revision} ended an answer ({chunk.finish}: {chunk.error})")
                    given += chunk.token_ids
                    yield chunk
            return
        except Exception as error:
            good = last_good(self._models.table, job.served.model)
            if (
                not given
                or request.priority == _BEHIND
                or is_clients(error)
                or good is None
                or good.revision == job.served.revision
            ):
                raise
            other = await self._models.open(job.served.model, good)
            if other.card.tokenizer != job.served.card.tokenizer:
                raise
            event(_LOG, "carried_on", logging.WARNING, revision=job.served.revision, by=good.revision, error=str(error))
            self._lost.add(request.id)
        left = replace(request, resume_tokens=request.resume_tokens + tuple(given))
        async with aclosing(self._upstream.generate(other.app, left, pause)) as rest:
            async for chunk in rest:
                yield chunk

    def _was_lost(self, job: Job) -> bool:
        ids = {request.id for request in job.requests}
        lost = bool(ids & self._lost)
        self._lost -= ids
        return lost

    def _copy(self, body: SamplingBody, job: Job, make: Make) -> None:
        for route in _shadows(self._models.table.get(job.served.model, ())):
            wanted = route.revision != job.served.revision and random.random() < route.shadow
            if wanted and len(self._copies) < _COPIES_AT_ONCE:
                task = asyncio.create_task(self._run_copy(body, job.served.model, route, make))
                self._copies.add(task)
                task.add_done_callback(self._copies.discard)

    async def _run_copy(self, body: SamplingBody, model: str, route: Route, make: Make) -> None:
        """Ask, see, and throw the answer away."""
        try:
            copy = await remake(body, await self._models.open(model, route), self._seconds)
            copy = replace(copy, requests=tuple(replace(each, priority=_BEHIND) for each in copy.requests))
            watch = Watch(self.observer, body, copy, route.trial, shadow=True)
            async for _ in watch.through(make(body, copy)):
                pass
        except HanlinError:
            pass  # seen by the watch, and nobody waits for it
        except Exception:  # noqa: BLE001 - a copy has nobody to tell
            _LOG.exception("copy_failed")


def _shadows(routes: Iterable[Route]) -> list[Route]:
    return [route for route in routes if route.shadow > 0]


async def _begun(events: AsyncGenerator[Event, None], whole: bool) -> AsyncGenerator[Event, None]:
    """The same events, of which the first, or all, are there already."""
    there = [await anext(events)]
    if whole:
        there += [each async for each in events]

    async def again() -> AsyncGenerator[Event, None]:
        async with aclosing(events):
            for each in there:
                yield each
            async for each in events:
                yield each

    return again()
