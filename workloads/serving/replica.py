"""The Ray Serve deployment around an engine: one per model revision, immutable.

It shares its event loop with Serve, so nothing here blocks; the engine steps in its own thread. Not for HTTP or text.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime

from cluster import storage
from cluster.artifacts import Artifact, Manifest
from cluster.errors import UnavailableError
from workloads.serving.card import ModelCard, read_card
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Chunk, EngineSettings, Request, Stats


class Replica:
    """Loads a model artifact, every byte checked against its manifest, and answers for it."""

    def __init__(self, uri: str, manifest: bytes, revision: str, engine: str, settings: EngineSettings) -> None:
        started = time.monotonic()
        artifact = Artifact(storage.locate(uri), Manifest.from_json(manifest))
        folder = artifact.local_folder()
        self._engine = load_engine(engine, folder, settings)
        created = int(datetime.fromisoformat(artifact.manifest.created).timestamp())
        self._card = read_card(folder, revision, artifact.fingerprint, created, self._engine.capabilities)
        self._load_seconds = time.monotonic() - started

    async def generate(self, request: Request, pause: float) -> AsyncIterator[Chunk]:
        """An empty chunk as soon as this replica has the request, then the engine's chunks, at most one per `pause` seconds after the first, which goes out at once.

        Closing the stream cancels the request. Sending every token of many streams by itself costs more processor time
        than computing it (measured, see benchmarks/serving.py), while nobody sees a pause of a few hundredths of a second.
        """
        yield Chunk()
        sent = 0.0
        chunks = self._engine.generate(request)
        try:
            async for chunk in chunks:
                yield chunk
                if chunk.finish is None and pause:
                    if sent and (wait := sent + pause - time.monotonic()) > 0:
                        await asyncio.sleep(wait)
                    sent = time.monotonic()
        finally:
            await chunks.aclose()

    async def card(self) -> ModelCard:
        return self._card

    async def stats(self) -> Stats:
        return self._engine.stats()

    async def check_health(self) -> None:
        """Serve asks this; raising makes it replace the replica."""
        if not self._engine.alive:
            raise UnavailableError("the engine's thread has ended")

    def __del__(self) -> None:
        if engine := getattr(self, "_engine", None):
            engine.close()
