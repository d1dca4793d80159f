"""Looks for a kept answer to a question that means the same, after the cache has none to the very same one.

What a vector costs is a place and tokens like any other text. Where there is no vector, for whatever reason, the request goes on as if
there were none of this. Not for which pairs count as one: calibration.py.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing

import numpy as np

from app.gateway.cache.cache import ResponseCache, Tell
from app.gateway.cache.recording import Event, Recording
from app.gateway.models import Models, Served
from app.gateway.semantic.calibration import Calibration, may_share
from app.gateway.semantic.index import Entry, Index, Vector
from app.gateway.semantic.question import Question
from app.gateway.upstream import Upstream
from cluster.errors import HanlinError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
_MOST = 4096
"""Questions per gateway: 8 MB of vectors of 512 numbers, and a millisecond to look through."""
Encoding = Callable[[Served, Sequence[tuple[int, ...]]], AbstractAsyncContextManager[None]]


class SemanticAnswers:
    """Of one gateway. `encoding` gives a place for a text to be read."""

    def __init__(
        self, calibration: Calibration, models: Models, upstream: Upstream, cache: ResponseCache, encoding: Encoding
    ) -> None:
        self._calibration, self._models, self._upstream = calibration, models, upstream
        self._cache, self._encoding = cache, encoding
        self._index = Index(_MOST)
        self._told: set[str] = set()

    async def answer(
        self, question: Question, key: str, exact: AsyncGenerator[Event, None], tell: Tell
    ) -> AsyncGenerator[Event, None]:
        """The events of the answer to a question that means the same where one is kept, else those of `exact`, which answers the
        question itself under the name `key` and is remembered."""
        async with aclosing(exact):
            vector = None if await self._cache.has(key) else await self._vector(question.text)
            if vector is not None and (recording := self._alike(question, vector)) is not None:
                tell("semantic")
                for each in recording.events:
                    yield each
                return
            async for each in exact:
                yield each
        if vector is not None and self._cache.kept(key) is not None:
            self._index.add(Entry(question.scope, question.text, key), vector)

    def _alike(self, question: Question, vector: Vector) -> Recording | None:
        found = self._index.nearest(question.scope, vector)
        if found is None or found[1] < self._calibration.threshold or not may_share(question.text, found[0].text):
            return None
        return self._cache.kept(found[0].key)

    async def _vector(self, text: str) -> Vector | None:
        """Of length 1. None where the model that was calibrated does not answer."""
        try:
            served = await self._models.find(self._calibration.model)
            if served.card.fingerprint != self._calibration.fingerprint:
                self._tell_once("another model than was calibrated makes the vectors now")
                return None
            batch = (await served.encode(text, special=True),)
            async with self._encoding(served, batch):
                (made,) = await self._upstream.embed(served.app, batch)
        except (HanlinError, TimeoutError) as error:
            self._tell_once(type(error).__name__)
            return None
        vector = np.asarray(made, np.float32)
        length = float(np.linalg.norm(vector))
        return vector / length if length else None

    def _tell_once(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            event(_LOG, "semantic_cache_passed_over", logging.WARNING, model=self._calibration.model, reason=reason)
