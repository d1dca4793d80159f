"""One request's trace from HTTP through the replica to the engine, with the real gateway, replica and engine in one process."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.gateway.routes import Route
from app.gateway.service import Service
from cluster.artifacts import ArtifactStore
from cluster.observe import traces
from tests.app.gateway.conftest import Endpoint, ScriptedUpstream
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.engine.base import Chunk, EngineSettings, Request
from workloads.serving.replica import Replica

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class DirectUpstream(ScriptedUpstream):
    """A replica without Ray Serve between."""

    replica: Replica

    async def generate(
        self, app: str, request: Request, pause: float, taken_within: float = 0.0
    ) -> AsyncGenerator[Chunk, None]:
        async with aclosing(self.replica.generate(request, pause)) as chunks:  # type: ignore[type-var]
            await anext(chunks)
            async for chunk in chunks:
                yield chunk


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where ended spans are kept."""
    pytest.importorskip("opentelemetry.sdk.trace", reason="run: pip install 'hanlin[tracing]'")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    tracer = traces._tracer_with(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "_tracer", lambda: tracer)
    return exporter


def test_gateway_replica_and_engine_are_legs_of_the_clients_trace(exported: Any, card: Any, tmp_path: Path) -> None:
    model = commit_model(ArtifactStore(str(tmp_path / "store")), write_model(tmp_path / "tiny"), "1")
    replica = Replica(model.uri, model.manifest.to_json(), "7", "torch", EngineSettings(slots=2, threads=1))
    upstream = DirectUpstream(replace(card))
    upstream.replica = replica
    service = Service(upstream, request_seconds=60)
    service.models.set_table({"tiny": (Route("7", "model-7", 1.0),)})
    body = {"model": "tiny", "prompt": "镇", "max_tokens": 4}
    headers = {"traceparent": CLIENT, "X-Request-Id": "shop-1"}
    response = Endpoint(upstream, service).request("POST", "/v1/completions", json=body, headers=headers)
    assert response.status_code == 200, response.text
    spans = {span.name: span for span in exported.get_finished_spans()}
    assert set(spans) == {"POST /v1/completions", "replica.generate", "engine.generate"}
    gateway, inside, engine = spans["POST /v1/completions"], spans["replica.generate"], spans["engine.generate"]
    assert f"{gateway.parent.span_id:016x}" == "b7ad6b7169203331"
    assert (inside.parent.span_id, engine.parent.span_id) == (gateway.context.span_id, inside.context.span_id)
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {"0af7651916cd43dd8448eb211c80319c"}
    assert {span.attributes["request_id"] for span in spans.values()} == {"shop-1"}
    assert engine.attributes["generated_tokens"] == 4
    assert [event.name for event in engine.events] == ["first_token"]
