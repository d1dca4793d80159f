"""How a request is asked of vLLM, and what its outputs tell."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from workloads.serving.engine.base import Request, Sampling, TokenScore
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.vllm.answers import Answer
from workloads.serving.engine.vllm.wanted import KEY

CONTEXT = 32


def answer(prompt: tuple[int, ...] = (5, 6, 7), new_tokens: int = 10, sampling: Sampling | None = None, **more: Any) -> Answer:
    async def make() -> Answer:
        return Answer(Request("r", prompt, new_tokens, sampling or Sampling(temperature=0), **more), Stream(), CONTEXT)

    return asyncio.run(make())


def output(*tokens: int, finish: str | None = None, logprobs: Any = None, prompt: Any = None) -> Any:
    said = SimpleNamespace(token_ids=list(tokens), logprobs=logprobs, finish_reason=finish)
    return SimpleNamespace(outputs=[said], prompt_logprobs=prompt)


def told(**values: float) -> dict[int, Any]:
    """vLLM's log-probabilities at one place, best first: `t7=-0.1` is token 7's."""
    ranked = sorted(values.items(), key=lambda each: -each[1])
    return {int(name[1:]): SimpleNamespace(logprob=value, rank=rank) for rank, (name, value) in enumerate(ranked, 1)}


@pytest.mark.usefixtures("vllm_names")
def test_vllm_is_asked_for_the_likeliest_and_told_how_we_draw() -> None:
    greedy = answer(stop_token_ids=frozenset({9, 3})).parameters()
    assert (greedy.temperature, greedy.max_tokens, greedy.stop_token_ids, greedy.extra_args) == (0.0, 10, [3, 9], None)
    drawn = answer(sampling=Sampling(0.7, 0.9, 20, seed=-1), resume_tokens=(8, 9)).parameters()
    assert drawn.temperature == 0.0
    assert drawn.max_tokens == 8
    assert drawn.extra_args == {KEY: [0.7, 0.9, 20, 2**64 - 1, 2]}
    assert answer(prompt=(5,) * 30, new_tokens=100).parameters().max_tokens == 2


def test_tokens_come_as_they_are_said() -> None:
    one = answer()
    assert [one.take(output(11, 12)).token_ids, one.take(output(13, finish="length")).finish] == [(11, 12), "length"]
    assert one.tokens == [11, 12, 13]
    assert one.length == 6


def test_the_stop_token_is_not_part_of_the_answer() -> None:
    sampling = Sampling(temperature=0, logprobs=0)
    one = answer(sampling=sampling, stop_token_ids=frozenset({2}))
    chunk = one.take(output(11, 2, finish="stop", logprobs=[told(t11=-0.5), told(t2=-0.1)]))
    assert (chunk.token_ids, chunk.finish, len(chunk.scores)) == ((11,), "stop", 1)


def test_where_nothing_is_to_be_said_the_one_token_is_left_out() -> None:
    one = answer(new_tokens=0, sampling=Sampling(prompt_logprobs=1))
    chunk = one.take(output(11, finish="length", prompt=[None, told(t6=-1.0, t9=-0.2), told(t7=-0.3)]))
    assert (chunk.token_ids, chunk.finish) == ((), "length")
    assert chunk.prompt_scores == (TokenScore(6, -1.0, ((9, -0.2),)), TokenScore(7, -0.3, ((7, -0.3),)))


def test_resumed_tokens_are_not_scored_as_prompt() -> None:
    one = answer(sampling=Sampling(prompt_logprobs=0), resume_tokens=(8,))
    chunk = one.take(output(11, prompt=[None, told(t6=-1.0), told(t7=-0.3), told(t8=-0.4)]))
    assert [score.token_id for score in chunk.prompt_scores] == [6, 7]
