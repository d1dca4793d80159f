"""What a gateway saw of one answer while its model has a revision on trial, and how that reaches the release's judge.

Not for metrics of every request (metrics.py), and nothing here is kept: texts stay in memory until they are judged.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

_SAMPLE_CHARACTERS = 2000
_SAMPLE_SECONDS = 0.2  # one text in this time, per gateway
_MOST_WAITING = 20_000
_BATCH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """What was asked and answered, cut to a few thousand characters."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer. `trial`: by the revision on trial; `shadow`: a copy that nobody was shown. `failed` is the reason where
    there was no answer; `left`: the client went first. Times in seconds from the request on; `per_token` is 0 where the
    answer was too short to tell. `request` is the same for the same prompt. `rating`: what a user said of it, +1 or -1."""

    model: str
    trial: bool
    shadow: bool = False
    request: int = 0
    failed: str = ""
    left: bool = False
    seconds: float = 0.0
    first_token: float = 0.0
    per_token: float = 0.0
    faults: tuple[str, ...] = ()
    sample: Sample | None = None
    rating: int = 0


Send = Callable[[str, Sequence[Observation]], Awaitable[None]]


class Observer:
    """Holds observations for a moment; the oldest go where nobody fetches them."""

    def __init__(self) -> None:
        self._waiting: deque[Observation] = deque(maxlen=_MOST_WAITING)
        self._came = asyncio.Event()
        self._sampled = 0.0

    def add(self, observation: Observation) -> None:
        self._waiting.append(observation)
        self._came.set()

    def sample(self, prompt: str, answer: str) -> Sample | None:
        """The texts, where it is time for a sample."""
        now = time.monotonic()
        if now - self._sampled < _SAMPLE_SECONDS or not prompt.strip():
            return None
        self._sampled = now
        return Sample(prompt[-_SAMPLE_CHARACTERS:], answer[:_SAMPLE_CHARACTERS])

    def take(self) -> dict[str, list[Observation]]:
        """All that wait, by model."""
        found: dict[str, list[Observation]] = {}
        while self._waiting:
            observation = self._waiting.popleft()
            found.setdefault(observation.model, []).append(observation)
        return found

    async def deliver(self, send: Send) -> None:
        """Send batches, for ever."""
        while True:
            await self._came.wait()
            await asyncio.sleep(_BATCH_SECONDS)
            self._came.clear()
            for model, batch in self.take().items():
                await send(model, batch)
