"""Traces: off by default; switched on, spans reach a real OTLP receiver and form one tree."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster.observe import traces

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="run: pip install 'hanlin[tracing]'")
CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The spans that an OTLP collector on loopback is sent."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    spans: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(span for r in body.resource_spans for s in r.scope_spans for span in s.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    traces._tracer.cache_clear()
    yield spans
    traces._tracer.cache_clear()
    server.shutdown()
    server.server_close()
    thread.join()


def flush() -> None:
    tracer = traces._tracer()
    assert tracer.span_processor.force_flush(5000)


def test_off_a_span_does_nothing_and_hands_its_parent_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    traces._tracer.cache_clear()
    span = traces.start_span("request", CLIENT)
    span.event("first_token")
    span.end()
    assert span.traceparent == CLIENT
    assert traces.start_span("request").traceparent == ""
    traces._tracer.cache_clear()


def test_legs_of_one_request_are_one_trace(received: list[Any]) -> None:
    gateway = traces.start_span("gateway", CLIENT, "server", request_id="r1")
    replica = traces.start_span("replica", gateway.traceparent)
    engine = traces.start_span("engine", replica.traceparent)
    engine.event("first_token", position=1)
    engine.end(generated_tokens=5)
    replica.end("deadline")
    gateway.end()
    gateway.end()
    flush()
    spans = {span.name: span for span in received}
    assert len(received) == 3
    assert {span.trace_id.hex() for span in received} == {"0af7651916cd43dd8448eb211c80319c"}
    assert spans["gateway"].parent_span_id.hex() == "b7ad6b7169203331"
    assert spans["replica"].parent_span_id == spans["gateway"].span_id
    assert spans["engine"].parent_span_id == spans["replica"].span_id
    assert [event.name for event in spans["engine"].events] == ["first_token"]
    assert spans["replica"].status.message == "deadline"
    assert {each.key for each in spans["engine"].attributes} == {"generated_tokens"}


@pytest.mark.parametrize("parent", ["", "nonsense", "00-0-0-00", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_parent_that_makes_no_sense_begins_a_new_trace(received: list[Any], parent: str) -> None:
    span = traces.start_span("request", parent)
    span.end()
    flush()
    assert received[0].parent_span_id == b""
    assert received[0].trace_id.hex() in span.traceparent


def test_without_the_packages_it_says_so_once_and_is_off() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None\n"
        "from cluster.observe.traces import start_span\n"
        "print(repr(start_span('a', 'x').traceparent), repr(start_span('b').traceparent))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, capture_output=True, text=True
    )
    assert done.stdout == "'x' ''\n"
    assert done.stderr.count("pip install 'hanlin[tracing]'") == 1
