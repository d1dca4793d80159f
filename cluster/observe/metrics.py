"""What Hanlin tells Prometheus through Ray's metrics agents: every name with its kind and tags, and how to record it.

Recorded in any process of a Ray session; outside of one nothing is recorded, so that libraries run without Ray. Ray puts
`ray_` before a name and `_total` after a counter's. The gateway's own page is app/gateway/metrics.py. The names are frozen
by tests/contract/test_metrics.py.
"""

import functools
import sys
from dataclasses import dataclass
from typing import Any, Literal

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True)
class Metric:
    """A series of numbers; `tags` must all be given with every value. `bounds`: upper ends of a histogram's buckets."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    tags: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def exported(self) -> str:
        """The name in Prometheus."""
        return f"ray_{self.name}{'_total' if self.kind == 'counter' else ''}"

    def record(self, value: float = 1, **tags: str) -> None:
        """Add to a counter (nothing for 0), set a gauge, or observe in a histogram."""
        if value <= 0 and self.kind == "counter":
            return
        if (recorder := _recorder(self)) is not None:
            recorder(value, tags=tags)


def _recorder(metric: Metric) -> Any:
    ray = sys.modules.get("ray")
    return _made(metric) if ray is not None and ray.is_initialized() else None


@functools.cache
def _made(metric: Metric) -> Any:
    from ray.util import metrics

    if metric.kind == "counter":
        return metrics.Counter(metric.name, metric.text, metric.tags).inc
    if metric.kind == "gauge":
        return metrics.Gauge(metric.name, metric.text, metric.tags).set
    return metrics.Histogram(metric.name, metric.text, list(metric.bounds), metric.tags).observe


STAGES = Metric("hanlin_stages", "counter", "stages that ended", ("run", "stage", "outcome"))

CORPUS_READ = Metric("hanlin_corpus_documents_read", "counter", "records read from the inputs", ("run",))
CORPUS_KEPT = Metric("hanlin_corpus_documents_kept", "counter", "documents in the corpus", ("run",))
CORPUS_DROPPED = Metric("hanlin_corpus_documents_dropped", "counter", "documents dropped", ("run", "rule"))

TRAINING_RUNS = Metric("hanlin_training_runs", "gauge", "1 while a driver wants this run to go on", ("run",))
TRAINING_STEPS = Metric("hanlin_training_steps", "gauge", "optimizer steps done", ("run",))
TRAINING_TOKENS = Metric("hanlin_training_tokens", "gauge", "valid targets trained on", ("run",))
TRAINING_LOSS = Metric("hanlin_training_loss_nats", "gauge", "loss per token", ("run",))
TRAINING_SPEED = Metric("hanlin_training_tokens_per_second", "gauge", "valid targets trained on per second", ("run",))
TRAINING_STEP_TIME = Metric("hanlin_training_step_timestamp_seconds", "gauge", "Unix time of the last step", ("run",))
TRAINING_CHECKPOINT_TIME = Metric(
    "hanlin_training_checkpoint_timestamp_seconds", "gauge", "Unix time of the last checkpoint, first of the start", ("run",)
)
TRAINING_GOODPUT = Metric(
    "hanlin_training_goodput_ratio",
    "gauge",
    "share of the run's time that went into steps that stand",
    ("run",),
)
TRAINING_LOST = Metric(
    "hanlin_training_lost_seconds", "gauge", "seconds of the run that went into no step that stands", ("run", "cause")
)
TRAINING_INCIDENTS = Metric("hanlin_training_incidents", "counter", "what somebody should look at", ("run", "kind"))
TRAINING_STRAGGLER = Metric(
    "hanlin_training_straggler_ratio", "gauge", "time that the slowest worker needs for a step by that of the median", ("run",)
)
TRAINING_WAIT = Metric("hanlin_training_wait_ratio", "gauge", "share of the time in which the step waited for rows", ("run",))
TRAINING_MFU = Metric("hanlin_training_mfu_ratio", "gauge", "share of the hardware's peak in FLOP/s", ("run",))
TRAINING_BITS = Metric("hanlin_training_bits_per_character", "gauge", "of the text trained on", ("run",))
TRAINING_WORKERS = Metric("hanlin_training_workers", "gauge", "training processes", ("run",))
TRAINING_FAILURES = Metric("hanlin_training_failures", "counter", "runs that ended in an error", ("run", "reason"))

SERVING_REQUESTS = Metric("hanlin_serving_requests", "counter", "requests answered", ("endpoint", "status", "revision"))
SERVING_BROKEN = Metric("hanlin_serving_broken_streams", "counter", "streams that broke off after their 200", ("revision",))
SERVING_SECONDS = Metric(
    "hanlin_serving_request_seconds", "histogram", "time of a whole answer", ("endpoint", "revision"), _LATENCY
)
SERVING_FIRST_TOKEN = Metric(
    "hanlin_serving_first_token_seconds", "histogram", "time to the first text", ("endpoint", "revision"), _LATENCY
)
SERVING_ONGOING = Metric("hanlin_serving_ongoing_requests", "gauge", "requests being answered by a gateway")
SERVING_RUNNING = Metric("hanlin_serving_running_requests", "gauge", "requests in a replica's batch", ("revision",))
SERVING_WAITING = Metric("hanlin_serving_waiting_requests", "gauge", "requests that wait in a replica", ("revision",))
SERVING_SLOTS = Metric("hanlin_serving_slots", "gauge", "places of a replica's batch", ("revision",))
SERVING_TOKENS = Metric("hanlin_serving_generated_tokens", "counter", "tokens generated by replicas", ("revision",))

RELEASE_SHARE = Metric("hanlin_release_share_ratio", "gauge", "share of the requests on the new revision", ("model",))
RELEASE_EVIDENCE = Metric(
    "hanlin_release_evidence_ratio", "gauge", "e-value that the new revision is worse in this", ("model", "check")
)
RELEASE_DECISIONS = Metric(
    "hanlin_release_decisions", "counter", "steps, promotions, rollbacks and aborts", ("model", "action")
)

EXPORTED = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

CACHE_LOOKUPS = Metric("hanlin_cache_lookups", "counter", "lookups in the response cache", ("result",))
PLANNED = (CACHE_LOOKUPS,)
"""Named so that their alerts are ready, and recorded by nothing yet: there is no response cache so far."""
