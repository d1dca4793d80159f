"""What the gateway counts, for Prometheus. Names are `hanlin_<noun>_<unit>` and frozen by tests/contract/test_http.py.

A scrape of the page reaches one gateway of several; what alerts need goes to Ray's metrics agents too, where each has its
own series (cluster/observe/metrics.py).
"""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from cluster.observe.metrics import CACHE_LOOKUPS, SERVING_FIRST_TOKEN, SERVING_ONGOING, SERVING_REQUESTS, SERVING_SECONDS
from workloads.serving.engine.base import Stats

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """One registry per gateway process; a scrape sees the gateway that it reaches, and the engines of all replicas, added up."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        answer, revision = ["endpoint", "model", "revision"], ["model", "revision"]
        self.requests = Counter("hanlin_requests", "requests answered", ["endpoint", "status"], registry=registry)
        self.request_seconds = Histogram(
            "hanlin_request_seconds", "time of a whole answer", answer, buckets=_SECONDS, registry=registry
        )
        self.first_token_seconds = Histogram(
            "hanlin_first_token_seconds", "time to the first text", answer, buckets=_SECONDS, registry=registry
        )
        self.prompt_tokens = Counter("hanlin_prompt_tokens", "tokens of prompts", revision, registry=registry)
        self.generated_tokens = Counter("hanlin_generated_tokens", "tokens of answers", revision, registry=registry)
        self.disconnects = Counter("hanlin_disconnects", "clients that left before the end", registry=registry)
        self._lookups = Counter("hanlin_cache_lookups", "requests by what the cache had", ["result"], registry=registry)
        self._cache_bytes = Gauge("hanlin_cache_bytes", "memory of kept answers", registry=registry)
        self._cache_entries = Gauge("hanlin_cache_entries", "kept answers", registry=registry)
        self._waiting = Gauge("hanlin_waiting_requests", "requests that wait for a place at a revision", registry=registry)
        self.ongoing = Gauge("hanlin_ongoing_requests", "requests being answered", registry=registry)
        self._engine = {
            name: Gauge(f"hanlin_engine_{name}", text, revision, registry=registry)
            for name, text in (
                ("running_requests", "requests in the batch"),
                ("waiting_requests", "requests that wait for a place"),
                ("slots", "places of the batch"),
                ("cached_tokens", "tokens whose keys and values are held"),
                ("busy_seconds", "time spent in steps"),
            )
        }

    def answered(self, endpoint: str, status: int, revision: str) -> None:
        """A status went out; `revision` is empty where none was asked."""
        self.requests.labels(endpoint, str(status)).inc()
        SERVING_REQUESTS.record(endpoint=endpoint, status=str(status), revision=revision)

    def first_token(self, endpoint: str, model: str, revision: str, seconds: float) -> None:
        self.first_token_seconds.labels(endpoint, model, revision).observe(seconds)
        SERVING_FIRST_TOKEN.record(seconds, endpoint=endpoint, revision=revision)

    def whole(self, endpoint: str, model: str, revision: str, seconds: float) -> None:
        """An answer came to its end after `seconds`."""
        self.request_seconds.labels(endpoint, model, revision).observe(seconds)
        SERVING_SECONDS.record(seconds, endpoint=endpoint, revision=revision)

    def looked_up(self, result: str) -> None:
        """`hit`, `miss`, `joined`, `semantic` or `off`."""
        self._lookups.labels(result).inc()
        CACHE_LOOKUPS.record(result=result)

    def set_protection(self, cache_bytes: int, cache_entries: int, waiting: int) -> None:
        """What the cache holds, and who waits."""
        self._cache_bytes.set(cache_bytes)
        self._cache_entries.set(cache_entries)
        self._waiting.set(waiting)

    def set_ongoing(self, requests: int) -> None:
        self.ongoing.set(requests)
        SERVING_ONGOING.record(requests)

    def set_engine(self, model: str, revision: str, stats: Stats) -> None:
        """What an engine said of itself."""
        values = {
            "running_requests": stats.running,
            "waiting_requests": stats.waiting,
            "slots": stats.slots,
            "cached_tokens": stats.cached_tokens,
            "busy_seconds": stats.busy_seconds,
        }
        for name, value in values.items():
            self._engine[name].labels(model, revision).set(value)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)
