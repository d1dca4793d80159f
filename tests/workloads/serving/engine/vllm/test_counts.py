"""What the engine vllm says of itself."""

from types import SimpleNamespace

import pytest

from workloads.serving.engine.base import Stats
from workloads.serving.engine.vllm.counts import Counts


def test_more_requests_than_slots_wait() -> None:
    counts = Counts(slots=4)
    assert (counts.stats(3, 30).running, counts.stats(3, 30).waiting, counts.stats(3, 30).cached_tokens) == (3, 0, 30)
    assert (counts.stats(9, 90).running, counts.stats(9, 90).waiting) == (4, 5)


def test_ends_are_counted_by_what_they_mean() -> None:
    counts = Counts(slots=1)
    for finish in ("stop", "length", "error", "cancelled", "deadline", "drained"):
        counts.ended(finish)
    counts.generated += 7
    assert counts.stats(0, 0) == Stats(slots=1, generated_tokens=7, finished=2, failed=1, cancelled=3)


@pytest.mark.usefixtures("vllm_names")
def test_steps_are_those_that_vllm_reports() -> None:
    counts = Counts(slots=1)
    logger = counts.logger()(None, 0)
    for read, kept in ((5, 0), (2, 16)):
        logger.record(None, SimpleNamespace(prompt_token_stats=SimpleNamespace(computed=read, cached_tokens=kept)))
    logger.record(None, None)
    stats = counts.stats(0, 0)
    assert (stats.steps, stats.prompt_tokens, stats.reused_tokens) == (2, 7, 16)
