"""The response cache: an answer is looked for here, in the second level, and among those being generated, in that order.

Not for which requests have a certain answer (key.py) nor for HTTP (shortcut.py, service.py).
"""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.gateway.cache.flight import Flight, Source
from app.gateway.cache.memory import Memory
from app.gateway.cache.note import Status
from app.gateway.cache.recording import Event, Recording
from app.gateway.cache.shared import SharedAnswers
from cluster.errors import OverloadedError, UserError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
Generate = Callable[[], Source]
Keep = Callable[[], bool]
Tell = Callable[[Status], None]


class ResponseCache:
    """What one gateway knows."""

    def __init__(self, most_bytes: int, shared: SharedAnswers | None) -> None:
        self._memory: Memory[bytes] = Memory(most_bytes)
        self._shared = shared
        self._flights: dict[str, _Generation] = {}

    @property
    def bytes(self) -> int:
        """Memory that kept answers take."""
        return self._memory.bytes

    @property
    def entries(self) -> int:
        return len(self._memory)

    def answer(self, key: str | None, generate: Generate, tell: Tell, keep: Keep = lambda: True) -> "Answer":
        """The answer of that name; `generate` makes it where nobody has it. None: no other request has the same. `tell` is
        told how it is answered once that is certain: when the first event is there. `keep` is asked at the end of a generation
        whether the answer is what its name says."""
        return Answer(self, key, generate, tell, keep)

    def kept(self, key: str) -> Recording | None:
        found = self._memory.get(key)
        return None if found is None else Recording.from_bytes(found)

    async def has(self, key: str) -> bool:
        """Whether an answer of that name is kept here or in the second level, or is being made."""
        if self._memory.get(key) is not None or key in self._flights:
            return True
        return await self.find_shared(key) is not None

    def flight(self, key: str) -> "_Generation | None":
        return self._flights.get(key)

    def lead(self, key: str, generate: Generate, keep: Keep) -> "_Generation":
        """Begin the generation that others of that name join."""
        self._flights[key] = generation = _Generation(self, key, generate, keep)
        return generation

    def land(self, generation: "_Generation", answer: Recording | None) -> None:
        """A generation is over: nobody joins it any more, and a whole answer is kept."""
        if self._flights.get(generation.key) is generation:
            del self._flights[generation.key]
        if answer is None or not answer.whole or not generation.keep():
            return
        packed = answer.to_bytes()
        self._memory.put(generation.key, packed, len(packed))
        if self._shared is not None and not generation.found:
            self._shared.put(generation.key, packed)

    async def find_shared(self, key: str) -> Recording | None:
        """What the second level has; an answer of a form that is not known counts as none."""
        packed = await self._shared.get(key) if self._shared is not None else None
        if packed is None:
            return None
        try:
            return Recording.from_bytes(packed)
        except ValueError:
            event(_LOG, "shared_answer_unreadable", logging.WARNING, key_digest=key)
            return None


class _Generation:
    """A flight with the name it is for, and whether its answer was `found` in the second level."""

    def __init__(self, cache: ResponseCache, key: str, generate: Generate, keep: Keep) -> None:
        self.key, self.found, self.keep = key, False, keep
        self._cache, self._generate = cache, generate
        self.flight = Flight(self._source(), lambda answer: cache.land(self, answer))

    async def _source(self) -> Source:
        recording = await self._cache.find_shared(self.key)
        if recording is not None:
            self.found = True
            for each in recording.events:
                yield each
            return
        async with aclosing(self._generate()) as events:
            async for each in events:
                yield each


class Answer:
    """One request's way to its answer."""

    def __init__(self, cache: ResponseCache, key: str | None, generate: Generate, tell: Tell, keep: Keep) -> None:
        self._cache, self._key, self._generate, self._tell, self._keep = cache, key, generate, tell, keep

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the answer. Where a generation that this request had joined fails before anything came of it, the
        request leads the next one, or joins whoever does; what began to come and then fails, fails aloud."""
        if self._key is None:
            self._tell("off")
            async with aclosing(self._generate()) as own:
                async for each in own:
                    yield each
            return
        if (recording := self._cache.kept(self._key)) is not None:
            self._tell("hit")
            for each in recording.events:
                yield each
            return
        failures = 0
        while True:
            joined = self._cache.flight(self._key)
            generation = joined or self._cache.lead(self._key, self._generate, self._keep)
            begun = False
            try:
                with generation.flight.reading() as events:
                    async for each in events:
                        if not begun:
                            begun = True
                            self._tell("joined" if joined else "hit" if generation.found else "miss")
                        yield each
                return
            except Exception as error:
                failures += 1
                if begun or joined is None or failures > _MOST_FAILURES or isinstance(error, _SAME_FOR_ALL):
                    raise
                event(_LOG, "generation_taken_over", logging.WARNING, reason=type(error).__name__)


_MOST_FAILURES = 2
"""Generations of others that a request sees fail before it gives up, so that a crowd does not try one after the other."""
_SAME_FOR_ALL = (UserError, OverloadedError)
"""What would be answered to everybody who asks the same."""
