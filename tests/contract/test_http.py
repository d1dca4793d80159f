"""The endpoint's paths, methods, headers and metric names. A change here breaks clients: it goes into the CHANGELOG."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx

from app.gateway.cache.note import CACHE_HEADER
from app.gateway.http import create_app
from app.gateway.limits.guard import TIMEOUT_HEADER
from app.gateway.service import REVISION_HEADER, Service
from app.gateway.upstream import Batch
from cluster.storage import locate
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, Stats

PATHS = {
    "/v1/chat/completions": {"POST"},
    "/v1/completions": {"POST"},
    "/v1/responses": {"POST"},
    "/v1/embeddings": {"POST"},
    "/v1/fill-mask": {"POST"},
    "/v1/classify": {"POST"},
    "/v1/score": {"POST"},
    "/v1/tokenize": {"POST"},
    "/v1/detokenize": {"POST"},
    "/v1/feedback": {"POST"},
    "/v1/files": {"GET", "POST"},
    "/v1/files/{name}": {"GET", "DELETE"},
    "/v1/files/{name}/content": {"GET"},
    "/v1/batches": {"GET", "POST"},
    "/v1/batches/{name}": {"GET"},
    "/v1/batches/{name}/cancel": {"POST"},
    "/v1/models": {"GET"},
    "/v1/models/{name}": {"GET"},
    "/healthz": {"GET"},
    "/readyz": {"GET"},
    "/metrics": {"GET"},
}
METRICS = {
    "hanlin_requests_total": "counter",
    "hanlin_request_seconds": "histogram",
    "hanlin_first_token_seconds": "histogram",
    "hanlin_prompt_tokens_total": "counter",
    "hanlin_generated_tokens_total": "counter",
    "hanlin_disconnects_total": "counter",
    "hanlin_ongoing_requests": "gauge",
    "hanlin_waiting_requests": "gauge",
    "hanlin_cache_lookups_total": "counter",
    "hanlin_cache_bytes": "gauge",
    "hanlin_cache_entries": "gauge",
    "hanlin_engine_running_requests": "gauge",
    "hanlin_engine_waiting_requests": "gauge",
    "hanlin_engine_slots": "gauge",
    "hanlin_engine_cached_tokens": "gauge",
    "hanlin_engine_busy_seconds": "gauge",
}


class NoUpstream:
    async def card(self, app: str) -> ModelCard:
        raise NotImplementedError

    async def stats(self, app: str) -> Stats:
        raise NotImplementedError

    def generate(self, app: str, request: Request, pause: float, taken_within: float = 0.0) -> AsyncGenerator[Chunk, None]:
        raise NotImplementedError

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        raise NotImplementedError

    async def fill_mask(self, app: str, batch: Batch, mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        raise NotImplementedError

    async def classify(self, app: str, batch: Batch) -> list[list[tuple[str, float]]]:
        raise NotImplementedError


def test_paths_and_methods(tmp_path: Path) -> None:
    described = create_app(Service(NoUpstream(), 60), keep=locate(str(tmp_path))).openapi()["paths"]
    assert {path: {method.upper() for method in methods} for path, methods in described.items()} == PATHS


def test_metric_names_and_kinds() -> None:
    async def scrape() -> str:
        transport = httpx.ASGITransport(create_app(Service(NoUpstream(), 60)))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return (await client.get("/metrics")).text

    found = dict(re.findall(r"^# TYPE (\S+) (\S+)$", asyncio.run(scrape()), re.MULTILINE))
    assert found == METRICS


def test_headers() -> None:
    assert (REVISION_HEADER, CACHE_HEADER, TIMEOUT_HEADER) == ("x-hanlin-revision", "x-hanlin-cache", "x-hanlin-timeout")
