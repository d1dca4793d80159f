"""One answer, watched from its first event to its last: when it began, how fast it came, how it ended, what is wrong with it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.gateway.answer import Piece
from app.gateway.cache.note import generated
from app.gateway.faults import faults_of
from app.gateway.job import Job
from app.gateway.observation import Observation, Observer
from app.gateway.schema import ChatBody, SamplingBody
from cluster.errors import HanlinError, OverloadedError, UnavailableError

Event = tuple[int, Piece]
_LEAST_TOKENS = 8  # for a speed


def is_clients(error: Exception) -> bool:
    """Whether the request itself is at fault, so that every revision would refuse it."""
    return isinstance(error, HanlinError) and error.http_status < 500 and not isinstance(error, OverloadedError)


def prompt_text(body: SamplingBody, job: Job) -> str:
    """What the users said, without what a template adds."""
    if isinstance(body, ChatBody):
        return "\n".join(message.text for message in body.messages)
    return job.served.vocabulary.decode(job.prompts[0])


class Watch:
    """Passes an answer's events on and adds one observation, unless the answer came from the cache. `lost`: whether the revision failed without the client seeing it."""

    def __init__(
        self, observer: Observer, body: SamplingBody, job: Job, trial: bool, shadow: bool = False, patience: float = 0.0
    ) -> None:
        self._observer, self._body, self._job = observer, body, job
        self._trial, self._shadow, self._patience = trial, shadow, patience
        self._started = time.monotonic()
        self._first = self._last = 0.0
        self._tokens, self._texts = 0, [""] * len(job.requests)
        self.lost: Callable[[], bool] = lambda: False

    async def through(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The events. Raises what they raise, UnavailableError where the first takes longer than the patience."""
        try:
            async with aclosing(events):
                yield self._see(await self._begin(events))
                async for event in events:
                    yield self._see(event)
            self._end("lost" if self.lost() else "")
        except (GeneratorExit, asyncio.CancelledError):
            self._add(left=True, seconds=time.monotonic() - self._started)
            raise
        except Exception as error:
            if not is_clients(error):
                self._end(getattr(error, "code", type(error).__name__))
            raise

    async def _begin(self, events: AsyncGenerator[Event, None]) -> Event:
        try:
            async with asyncio.timeout(self._patience or None):
                return await anext(events)
        except TimeoutError as error:
            raise UnavailableError(f"no text from {self._job.served.revision} in {self._patience:g} s") from error

    def _see(self, event: Event) -> Event:
        self._last = time.monotonic()
        self._first = self._first or self._last
        index, piece = event
        self._tokens += piece.tokens
        self._texts[index] += piece.text
        return event

    def _end(self, failed: str) -> None:
        seconds = time.monotonic() - self._started
        if failed:
            self._add(failed=failed, seconds=seconds)
            return
        prompt = prompt_text(self._body, self._job)
        fast = self._tokens >= _LEAST_TOKENS and self._last > self._first
        self._add(
            seconds=seconds,
            first_token=self._first - self._started,
            per_token=(self._last - self._first) / self._tokens if fast else 0.0,
            faults=faults_of(prompt, self._texts[0]),
            sample=self._observer.sample(prompt, self._texts[0]),
        )

    def _add(self, **seen: object) -> None:
        if not self._shadow and not generated():
            return
        self._observer.add(Observation(self._job.served.model, self._trial, self._shadow, hash(self._job.prompts), **seen))  # type: ignore[arg-type]
