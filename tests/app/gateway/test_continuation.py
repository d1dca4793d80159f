"""Answers whose replica is lost on the way: the rest comes from another, and the client cannot tell; or it is told."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.gateway import continuation
from app.gateway.continuation import ATTEMPTS, Attempt, ReplicaLostError, continued
from app.gateway.routes import Route
from app.gateway.service import Service
from cluster.errors import HanlinError, OverloadedError, UnavailableError
from tests.app.gateway.conftest import Endpoint, ScriptedUpstream
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, Sampling, TokenScore

WORDS = "镇上有一座老桥，桥下有一条江。"
SCORED = Sampling(temperature=0, logprobs=0, prompt_logprobs=0)


@dataclass
class Replicas:
    """A model that says `tokens` one by one, on replicas each of which is lost before token number `lives[i]`; the last one
    lives on. An exception instead of a number: that replica does not take the request."""

    tokens: Sequence[int]
    lives: Sequence[int | Exception] = ()
    asked: list[Request] = field(default_factory=list)
    closed: int = 0

    async def attempt(self, request: Request) -> AsyncGenerator[Chunk, None]:
        life = self.lives[len(self.asked)] if len(self.asked) < len(self.lives) else len(self.tokens)
        self.asked.append(request)
        if isinstance(life, Exception):
            raise life
        try:
            for chunk in self._chunks(request)[: max(life - len(request.resume_tokens), 0)]:
                await asyncio.sleep(0)
                yield chunk
            if life < len(self.tokens):
                raise ReplicaLostError("gone")
        finally:
            self.closed += 1

    def _chunks(self, request: Request) -> list[Chunk]:
        """What is left of the answer, as an engine would give it."""
        first, wanted = len(request.resume_tokens), request.sampling
        assert tuple(self.tokens[:first]) == request.resume_tokens
        prompt = (TokenScore(1, -1.0),) if wanted.prompt_logprobs is not None else ()
        return [
            Chunk(
                (token,),
                (TokenScore(token, -0.5),) if wanted.logprobs is not None else (),
                prompt if place == first else (),
                "length" if place == len(self.tokens) - 1 else None,
            )
            for place, token in enumerate(self.tokens)
        ][first:]


@dataclass
class Told:
    chunk: Chunk
    chunks: int
    lost: int


async def answer(attempt: Attempt, request: Request) -> Told:
    whole, chunks, lost = Chunk(), 0, []
    async for chunk in continued(attempt, request, lambda: lost.append(1)):
        whole, chunks = whole.then(chunk), chunks + 1
    return Told(whole, chunks, len(lost))


def request(**fields: Any) -> Request:
    return Request("r", (1, 2), 64, **fields)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuation, "_BACK_OFF_SECONDS", 0.0)


@pytest.mark.parametrize("lives", [(), (0,), (3,), (1, 4), (0, 0, 5), (7,)])
def test_the_answer_is_the_same_wherever_replicas_are_lost(lives: tuple[int, ...]) -> None:
    undisturbed = asyncio.run(answer(Replicas(range(10, 18)).attempt, request(sampling=SCORED)))
    replicas = Replicas(range(10, 18), lives)
    told = asyncio.run(answer(replicas.attempt, request(sampling=SCORED)))
    assert told.chunk == undisturbed.chunk, "tokens, scores, prompt's scores once, and the end"
    assert told.lost == len(lives)
    assert len({each.id for each in replicas.asked}) == len(lives) + 1
    assert replicas.closed == len(lives) + 1


def test_tokens_that_the_request_came_with_stay_before_those_that_have_come() -> None:
    replicas = Replicas(range(10, 18), (5,))
    told = asyncio.run(answer(replicas.attempt, request(resume_tokens=(10, 11))))
    assert told.chunk.token_ids == tuple(range(12, 18))
    assert replicas.asked[1].resume_tokens == tuple(range(10, 15))


def test_a_request_that_kills_replicas_takes_no_more_than_a_few() -> None:
    replicas = Replicas(range(10, 18), [3] * 20)
    with pytest.raises(UnavailableError, match="lost after 3 tokens and no other went on"):
        asyncio.run(answer(replicas.attempt, request()))
    assert len(replicas.asked) == ATTEMPTS


def test_no_attempt_begins_after_the_deadline() -> None:
    replicas = Replicas(range(10, 18), [3] * 20)

    async def slow(asked: Request) -> AsyncGenerator[Chunk, None]:
        async with aclosing(replicas.attempt(asked)) as chunks:
            async for chunk in chunks:
                yield chunk
                while time.time() < asked.deadline:
                    await asyncio.sleep(0.01)

    with pytest.raises(UnavailableError, match="no other went on"):
        asyncio.run(answer(slow, request(deadline=time.time() + 0.05)))
    assert len(replicas.asked) == 1


@pytest.mark.parametrize("refusal", [OverloadedError("full"), UnavailableError("none there"), HanlinError("failed")])
def test_what_no_replica_took_is_refused_at_once(refusal: HanlinError) -> None:
    replicas = Replicas(range(10, 18), (refusal,))
    with pytest.raises(type(refusal), match=str(refusal)):
        asyncio.run(answer(replicas.attempt, request()))
    assert len(replicas.asked) == 1


def test_the_rest_of_an_answer_is_asked_for_again_where_others_are_full() -> None:
    replicas = Replicas(range(10, 18), (3, OverloadedError("full"), UnavailableError("none there")))
    told = asyncio.run(answer(replicas.attempt, request()))
    assert told.chunk.token_ids == tuple(range(10, 18))
    assert told.lost == 1


def test_who_has_another_to_ask_hears_at_once_that_no_replica_takes_the_rest() -> None:
    replicas = Replicas(range(10, 18), (3, UnavailableError("none there")))

    async def ask() -> None:
        async for _ in continued(replicas.attempt, request(), lambda: None, waits=False):
            pass

    with pytest.raises(UnavailableError, match="none there"):
        asyncio.run(ask())
    assert len(replicas.asked) == 2


def test_a_stream_without_an_end_is_one_whose_replica_is_lost() -> None:
    replicas = Replicas(range(10, 18))

    async def cut(asked: Request) -> AsyncGenerator[Chunk, None]:
        async for chunk in replicas.attempt(asked):
            yield chunk
            if not asked.resume_tokens:
                return

    assert asyncio.run(answer(cut, request())).chunk.token_ids == tuple(range(10, 18))


def test_leaving_early_closes_the_replica_s_stream() -> None:
    replicas = Replicas(range(10, 18))

    async def leave() -> None:
        async with aclosing(continued(replicas.attempt, request(), lambda: None)) as chunks:
            await anext(chunks)

    asyncio.run(leave())
    assert replicas.closed == 1


class LossyUpstream(ScriptedUpstream):
    """Replicas under a gateway's HTTP."""

    replicas: Replicas

    def generate(self, app: str, request: Request, pause: float, taken_within: float = 0.0) -> AsyncGenerator[Chunk, None]:
        return continued(self.replicas.attempt, request, lambda: None)


def ask(card: ModelCard, lives: Sequence[int | Exception], **body: Any) -> Any:
    """The answer of an endpoint whose model says WORDS; most tokens are single bytes, so that seams fall inside of characters."""
    upstream = LossyUpstream(card)
    service = Service(upstream, request_seconds=60)
    endpoint = Endpoint(upstream, service)
    service.models.set_table({"tiny": (Route("7", "model-7", 1.0),)})
    tokens = endpoint.post("/v1/tokenize", prompt=WORDS).json()["tokens"]
    upstream.replicas = Replicas(tokens, lives)
    return endpoint.post("/v1/completions", prompt="问", max_tokens=100, temperature=0, **body)


@pytest.mark.parametrize("body", [{}, {"stop": ["桥，桥"]}, {"logprobs": 1, "echo": True}, {"stream": True}])
def test_text_stops_logprobs_and_usage_do_not_show_the_seam(card: ModelCard, body: dict[str, Any]) -> None:
    if body.get("stream"):
        body = body | {"stream_options": {"include_usage": True}}
    undisturbed = ask(card, (), **body)
    assert undisturbed.status_code == 200, undisturbed.text
    for lives in [(1,), (2, 5), (8,)]:
        assert strip(ask(card, lives, **body)) == strip(undisturbed)


def strip(response: Any) -> list[str]:
    """The answer's lines without what differs from request to request."""
    return [re.sub(r'"(id|created)":("[^"]*"|\d+)', "", line) for line in response.text.splitlines()]


def test_a_stream_that_nobody_goes_on_with_says_so(card: ModelCard) -> None:
    lines = [line for line in ask(card, [3] * 20, stream=True).text.splitlines() if line]
    assert lines[-1].startswith('data: {"error":')
    assert "no other went on" in lines[-1]
    assert "data: [DONE]" not in lines


def test_a_whole_answer_that_nobody_goes_on_with_is_503(card: ModelCard) -> None:
    response = ask(card, [3] * 20)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "unavailable"
