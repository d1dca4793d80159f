"""Traces to an OpenTelemetry collector: a span for each leg of a request's way, joined by W3C `traceparent` strings.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set and the extra is installed: `pip install 'hanlin[tracing]'`. Parents are handed
on as strings, never through a context that async generators would mix up. Spans never stop nor delay a request.
"""

import atexit
import functools
import logging
from typing import Any

from cluster import environment

_LOG = logging.getLogger(__name__)
_CLOSE_MILLISECONDS = 3000
Attribute = str | int | float | bool


class Span:
    """One leg. With tracing off it does nothing and hands its parent on."""

    def __init__(self, parent: str = "", span: Any = None) -> None:
        self._span, self._parent = span, parent

    @property
    def traceparent(self) -> str:
        """What the next leg is given as its parent; empty where there is no trace."""
        if self._span is None:
            return self._parent
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def event(self, name: str, **attributes: Attribute) -> None:
        """Something that happened on the way, with the time it did."""
        if self._span is not None:
            self._span.add_event(name, attributes)

    def end(self, error: str = "", **attributes: Attribute) -> None:
        """The leg is over. Ending it again does nothing."""
        span, self._span, self._parent = self._span, None, self.traceparent
        if span is None:
            return
        span.set_attributes(attributes)
        if error:
            from opentelemetry.trace import Status, StatusCode

            span.set_status(Status(StatusCode.ERROR, error))
        span.end()


def start_span(name: str, parent: str = "", kind: str = "internal", **attributes: Attribute) -> Span:
    """Begin a leg; `parent` is a `traceparent`, of a client's header too (one that makes no sense begins a new trace).
    `kind`: server or internal."""
    tracer = _tracer()
    if tracer is None:
        return Span(parent)
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    return Span(parent, tracer.start_span(name, context=context, kind=SpanKind[kind.upper()], attributes=attributes))


@functools.cache
def _tracer() -> Any:
    if not environment.trace_endpoint():
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _LOG.warning("tracing_off: OTEL_EXPORTER_OTLP_ENDPOINT is set; run: pip install 'hanlin[tracing]'")
        return None
    return _tracer_with(BatchSpanProcessor(OTLPSpanExporter()))  # it reads the variable, /v1/traces is its own to add


def _tracer_with(processor: Any) -> Any:
    """A provider of our own: Ray's, if it has one, is not touched."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource.create({"service.name": "hanlin"}), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    atexit.register(provider.force_flush, _CLOSE_MILLISECONDS)
    return provider.get_tracer("hanlin")
