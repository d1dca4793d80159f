"""The gate before a build: on engines whose every answer is written down."""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from workloads.serving.builds.parity import LIMITS, Limits, Parity, compare
from workloads.serving.engine.base import Capabilities, Chunk, Engine, Request, TokenScore

STRICT = Limits(tie=0.1, error=0.02, bits=0.01)


class Scripted(Engine):
    """Answers every prompt with `steps`: at each the chosen token and its runner-up, with their probabilities; scores every
    token of a text with `probability`."""

    capabilities = Capabilities("scripted", 100, 50, 4, "cpu", 1)

    def __init__(self, steps: Sequence[tuple[int, float, int, float]] = (), probability: float = 0.5) -> None:
        self._steps, self._probability = steps, probability

    async def generate(self, request: Request, pause: float = 0.0) -> AsyncGenerator[Chunk, None]:
        if request.sampling.prompt_logprobs is not None:
            scores = tuple(TokenScore(token, math.log(self._probability)) for token in request.token_ids[1:])
            yield Chunk(prompt_scores=scores, finish="length")
            return
        scores = tuple(
            TokenScore(first, math.log(p), ((first, math.log(p)), (second, math.log(q)))) for first, p, second, q in self._steps
        )
        yield Chunk(tuple(score.token_id for score in scores), scores, finish="length")

    def cancel(self, request_id: str) -> None: ...

    alive = True

    def stats(self) -> Any: ...

    async def drain(self, seconds: float) -> Any: ...

    def close(self) -> None: ...


def run(reference: Scripted, build: Scripted) -> Parity:
    return asyncio.run(compare(reference, build, [(1, 2), (3,)], [("四个字的", (1, 2, 3)), ("一", (1,))]))


SURE = [(1, 0.9, 2, 0.05), (3, 0.8, 4, 0.1)]


def test_the_same_answers_pass() -> None:
    found = run(Scripted(SURE), Scripted(SURE))
    assert (found.prompts, found.equal, found.widest_tie, found.scored) == (2, 2, 0.0, 2)
    assert found.bits_reference == pytest.approx(2 / 4), "two tokens of one bit each over four characters; one token has none"
    assert found.refusal(STRICT) == ""


def test_parting_where_both_tokens_are_as_likely_passes() -> None:
    tied = Scripted([SURE[0], (3, 0.5, 4, 0.48)])
    found = run(tied, Scripted([SURE[0], (4, 0.49, 3, 0.49)]))
    assert found.equal == 0
    assert found.widest_tie == pytest.approx(math.log(0.5 / 0.48))
    assert found.refusal(STRICT) == ""


def test_parting_where_the_reference_was_sure_is_refused() -> None:
    found = run(Scripted(SURE), Scripted([SURE[0], (4, 0.6, 3, 0.3)]))
    assert found.widest_tie == pytest.approx(math.log(8))
    assert "greedy answers part" in found.refusal(STRICT)


def test_a_token_that_the_reference_never_considered_is_refused_however_wide_the_limits() -> None:
    found = run(Scripted(SURE), Scripted([(9, 0.9, 1, 0.05)]))
    assert found.widest_tie == math.inf
    assert "inf nats" in found.refusal(Limits(1e9, 1, 1))
    assert "widest_tie" not in found.metrics(), "a manifest holds numbers alone"


def test_an_answer_that_ends_early_is_refused() -> None:
    assert run(Scripted(SURE), Scripted(SURE[:1])).refusal(STRICT)


def test_worse_probabilities_are_refused_and_say_by_how_much() -> None:
    refusal = run(Scripted(SURE), Scripted(SURE, probability=0.4)).refusal(STRICT)
    assert "0.223 nats off" in refusal
    assert "bits per character rise by 0.322" in refusal


def test_no_number_is_no_pass() -> None:
    assert Parity(1, 1, 64, 0.0, 10, math.nan, math.nan, 1.0, math.nan).refusal(STRICT)


def test_without_prompts_nothing_is_known_and_nothing_passes() -> None:
    found = asyncio.run(compare(Scripted(SURE), Scripted(SURE), [], []))
    assert found.refusal(STRICT) == "nothing could be compared"


def test_fewer_bits_allow_less() -> None:
    assert LIMITS["f32"].error < LIMITS["bf16"].error < LIMITS["int8"].error
