"""Metric names, kinds and tags are a contract: dashboards and alerts of others rest on them. A change goes into the CHANGELOG."""

import re

from cluster.observe.metrics import EXPORTED

RUN, REVISION = ("run",), ("revision",)
FROZEN = {
    "hanlin_stages": ("counter", ("run", "stage", "outcome")),
    "hanlin_corpus_documents_read": ("counter", RUN),
    "hanlin_corpus_documents_kept": ("counter", RUN),
    "hanlin_corpus_documents_dropped": ("counter", ("run", "rule")),
    "hanlin_training_runs": ("gauge", RUN),
    "hanlin_training_steps": ("gauge", RUN),
    "hanlin_training_tokens": ("gauge", RUN),
    "hanlin_training_loss_nats": ("gauge", RUN),
    "hanlin_training_tokens_per_second": ("gauge", RUN),
    "hanlin_training_step_timestamp_seconds": ("gauge", RUN),
    "hanlin_training_checkpoint_timestamp_seconds": ("gauge", RUN),
    "hanlin_training_goodput_ratio": ("gauge", RUN),
    "hanlin_training_lost_seconds": ("gauge", ("run", "cause")),
    "hanlin_training_incidents": ("counter", ("run", "kind")),
    "hanlin_training_straggler_ratio": ("gauge", RUN),
    "hanlin_training_wait_ratio": ("gauge", RUN),
    "hanlin_training_mfu_ratio": ("gauge", RUN),
    "hanlin_training_bits_per_character": ("gauge", RUN),
    "hanlin_training_workers": ("gauge", RUN),
    "hanlin_training_failures": ("counter", ("run", "reason")),
    "hanlin_serving_requests": ("counter", ("endpoint", "status", "revision")),
    "hanlin_serving_broken_streams": ("counter", REVISION),
    "hanlin_serving_lost_replicas": ("counter", ("app",)),
    "hanlin_serving_request_seconds": ("histogram", ("endpoint", "revision")),
    "hanlin_serving_first_token_seconds": ("histogram", ("endpoint", "revision")),
    "hanlin_serving_ongoing_requests": ("gauge", ()),
    "hanlin_serving_running_requests": ("gauge", REVISION),
    "hanlin_serving_waiting_requests": ("gauge", REVISION),
    "hanlin_serving_slots": ("gauge", REVISION),
    "hanlin_serving_generated_tokens": ("counter", REVISION),
    "hanlin_cache_lookups": ("counter", ("result",)),
    "hanlin_release_share_ratio": ("gauge", ("model",)),
    "hanlin_release_evidence_ratio": ("gauge", ("model", "check")),
    "hanlin_release_decisions": ("counter", ("model", "action")),
}


def test_names_kinds_and_tags() -> None:
    assert {each.name: (each.kind, each.tags) for each in EXPORTED} == FROZEN


def test_names_have_one_form() -> None:
    for each in EXPORTED:
        assert re.fullmatch(r"hanlin_[a-z]+(_[a-z]+)*", each.name)
        assert not each.name.endswith("_total")  # Ray adds it
        assert bool(each.bounds) == (each.kind == "histogram")
