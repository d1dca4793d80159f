"""A gateway without Ray: the ASGI application over an upstream that replays a script."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.gateway.http import create_app
from app.gateway.routes import Route
from app.gateway.service import Service
from cluster.errors import UnavailableError
from tests.workloads.serving.tiny_model import write_model
from workloads.serving.card import ModelCard, read_card
from workloads.serving.engine.base import Capabilities, Chunk, Request, Stats

Script = Callable[[Request], list[Chunk | Exception]]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


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

    async def card(self, app: str) -> ModelCard:
        if self.gone:
            raise UnavailableError("no replica of this model answers")
        fingerprint = self.fingerprints.get(app, self.card_.fingerprint)
        return replace(self.card_, revision=app.removeprefix("model-"), fingerprint=fingerprint)

    async def stats(self, app: str) -> Stats:
        if self.gone:
            raise UnavailableError("no replica of this model answers")
        return Stats(running=1, waiting=2, slots=4, cached_tokens=10)

    async def generate(self, app: str, request: Request, pause: float) -> AsyncGenerator[Chunk, None]:
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

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(create_app(self.service), raise_app_exceptions=False)
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
