"""A gateway without Ray: the ASGI application over an upstream that replays a script."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.gateway.http import create_app
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.upstream import Batch
from cluster.errors import RequestError, UnavailableError
from cluster.storage import Location
from tests.workloads.serving.tiny_model import write_tokenizer
from workloads.serving.card import ModelCard, read_card
from workloads.serving.engine.base import Capabilities, Chunk, Request, Stats

Script = Callable[[Request], list[Chunk | Exception]]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokenizer(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def card(model_folder: Path) -> ModelCard:
    return read_card(model_folder, "7", "f" * 20, 1_700_000_000, Capabilities("torch", 128, 320, 4, "cpu", 1000))


@dataclass
class ScriptedUpstream:
    """Answers as `script` says, one chunk after the other; an exception in it is raised at its place."""

    card_: ModelCard
    script: Script = lambda request: [Chunk(finish="stop")]
    asked: list[Request] = field(default_factory=list)
    closed: int = 0
    gone: bool = False
    fingerprints: dict[str, str] = field(default_factory=dict)
    encodes: bool = True

    async def card(self, app: str) -> ModelCard:
        if self.gone:
            raise UnavailableError("no replica of this model answers")
        fingerprint = self.fingerprints.get(app, self.card_.fingerprint)
        return replace(self.card_, revision=app.removeprefix("model-"), fingerprint=fingerprint)

    async def stats(self, app: str) -> Stats:
        if self.gone:
            raise UnavailableError("no replica of this model answers")
        return Stats(running=1, waiting=2, slots=4, cached_tokens=10)

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        if not self.encodes:
            raise RequestError("embeddings", "this model cannot do that", "ask another", param="model")
        return [[float(len(tokens)), 0.5] for tokens in batch]

    async def fill_mask(self, app: str, batch: Batch, mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        return [[[(5 + rank, 0.5 / (1 + rank)) for rank in range(top)] for _ in range(tokens.count(mask))] for tokens in batch]

    async def classify(self, app: str, batch: Batch) -> list[list[tuple[str, float]]]:
        return [[("是", 0.25), ("否", 0.75)] for _ in batch]

    async def generate(
        self, app: str, request: Request, pause: float, taken_within: float = 0.0
    ) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        try:
            for step in self.script(request):
                await asyncio.sleep(0)
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed += 1


@dataclass
class Endpoint:
    """An HTTP client on the application, and what stands behind it."""

    upstream: ScriptedUpstream
    service: Service
    keep: Location | None = None

    @cached_property
    def app(self) -> FastAPI:
        return create_app(self.service, keep=self.keep)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.request(method, path, **arguments)

        return asyncio.run(send())

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.request("POST", path, json={"model": "tiny"} | body)


@pytest.fixture
def endpoint(card: ModelCard) -> Endpoint:
    """Model `tiny`: revision 7 takes all requests, revision 8 those that name it."""
    upstream = ScriptedUpstream(card)
    service = Service(upstream, request_seconds=60)
    service.models.set_table({"tiny": (Route("7", "model-7", 1.0), Route("8", "model-8", 0.0))})
    return Endpoint(upstream, service)
