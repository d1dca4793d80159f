"""The Ray Serve deployment around an engine: one per model revision, immutable.

It shares its event loop with Serve, so nothing here blocks; the engine steps in its own thread. Not for HTTP or text.
"""

import logging
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from cluster import storage
from cluster.artifacts import Artifact
from cluster.errors import UnavailableError
from cluster.manifest import Manifest
from cluster.observe import logs
from cluster.observe.metrics import SERVING_RUNNING, SERVING_SLOTS, SERVING_TOKENS, SERVING_WAITING
from cluster.observe.traces import start_span
from workloads.serving.builds.choice import BuildRef, load_chosen
from workloads.serving.card import ModelCard, read_card
from workloads.serving.engine.base import Chunk, EngineSettings, Request, Stats
from workloads.serving.scaling import TOKENS

_LOG = logging.getLogger(__name__)


class Replica:
    """Loads a model artifact, every byte checked against its manifest, and answers for it."""

    def __init__(
        self,
        uri: str,
        manifest: bytes,
        revision: str,
        engine: str,
        settings: EngineSettings,
        build: BuildRef | None = None,
    ) -> None:
        logs.start_among_rays("replica")
        started, self._revision, self._tokens_told = time.monotonic(), revision, 0
        artifact = Artifact(storage.locate(uri), Manifest.from_json(manifest))
        folder = artifact.local_folder()
        self._engine = load_chosen(engine, folder, build, settings)
        created = int(datetime.fromisoformat(artifact.manifest.created).timestamp())
        self._card = read_card(folder, revision, artifact.fingerprint, created, self._engine.capabilities)
        self._load_seconds = time.monotonic() - started

    async def generate(self, request: Request, pause: float) -> AsyncIterator[Chunk]:
        """An empty chunk as soon as this replica has the request, then the engine's chunks, `pause` seconds apart.

        Closing the stream cancels the request. Sending every token of many streams by itself costs more processor time
        than computing it (measured, see benchmarks/serving.py), while nobody sees a pause of a few hundredths of a second.
        """
        leg = _Leg(request, self._revision)
        chunks = self._engine.generate(replace(request, traceparent=leg.span.traceparent), pause)
        try:
            yield Chunk()
            async for chunk in chunks:
                leg.see(chunk)
                yield chunk
        finally:
            await chunks.aclose()
            leg.end()
            self._end_with_the_engine()

    async def encode(self, task: Literal["embed", "fill_mask", "classify"], *arguments: Any) -> Any:
        """What the engine's method of that name returns. Raises RequestError where the model cannot do it."""
        return await getattr(self._engine, task)(*arguments)

    async def card(self) -> ModelCard:
        return self._card

    async def stats(self) -> Stats:
        return self._engine.stats()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks this where the number of copies follows the load (scaling.py)."""
        return {TOKENS: float(self._engine.stats().cached_tokens)}

    async def check_health(self) -> None:
        """Serve asks this; raising makes it replace the replica."""
        self._measure()
        if not self._engine.alive:
            raise UnavailableError("the engine's thread has ended")

    def _end_with_the_engine(self) -> None:
        """A replica whose engine has ended looks idle: Serve would send it every request until it asks for its health."""
        if not self._engine.alive:
            logs.event(_LOG, "engine_ended", logging.ERROR, revision=self._revision)
            os._exit(1)

    def _measure(self) -> None:
        """To Ray's metrics agent; Serve asks for the health every few seconds."""
        stats = self._engine.stats()
        for metric, value in ((SERVING_RUNNING, stats.running), (SERVING_WAITING, stats.waiting), (SERVING_SLOTS, stats.slots)):
            metric.record(value, revision=self._revision)
        SERVING_TOKENS.record(stats.generated_tokens - self._tokens_told, revision=self._revision)
        self._tokens_told = stats.generated_tokens

    def __del__(self) -> None:
        if engine := getattr(self, "_engine", None):
            engine.close()


class _Leg:
    """The replica's part of one request: a span and a line of log."""

    def __init__(self, request: Request, revision: str) -> None:
        self.span = start_span("replica.generate", request.traceparent, request_id=request.origin, revision=revision)
        self._request, self._revision, self._started = request, revision, time.monotonic()
        self._tokens, self._finish = 0, ""

    def see(self, chunk: Chunk) -> None:
        self._tokens += len(chunk.token_ids)
        self._finish = chunk.finish or ""

    def end(self) -> None:
        finish = self._finish or "cancelled"
        whole = finish in ("stop", "length", "cancelled")
        self.span.end("" if whole else finish, generated_tokens=self._tokens, finish=finish)
        logs.event(
            _LOG,
            "generated",
            logging.INFO if whole else logging.WARNING,
            request_id=self._request.origin,
            revision=self._revision,
            tokens=self._tokens,
            finish=finish,
            seconds=round(time.monotonic() - self._started, 4),
        )
