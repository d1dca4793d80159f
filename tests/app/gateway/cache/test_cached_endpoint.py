"""The endpoint with its cache: headers, streams from kept answers, releases, tenants, and the shortcut for equal bytes."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from app.gateway.http import create_app
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.settings import GatewaySettings
from app.gateway.vocabulary import Vocabulary
from tests.app.gateway.conftest import Endpoint, ScriptedUpstream
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk
from workloads.serving.gateway_spec import CacheSpec

CHAT = "/v1/chat/completions"
QUESTION = {"model": "tiny", "messages": [{"role": "user", "content": "镇上有几座桥？"}], "temperature": 0}


@pytest.fixture
def spelling(endpoint: Endpoint, card: ModelCard) -> Endpoint:
    endpoint.upstream.script = lambda request: [
        *(Chunk((token,)) for token in Vocabulary(card.tokenizer).encode("一座老桥。", special=False)),
        Chunk(finish="stop"),
    ]
    return endpoint


def ask(endpoint: Endpoint, *bodies: dict[str, Any], headers: dict[str, str] | None = None) -> list[httpx.Response]:
    """One after the other, through one application."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(create_app(endpoint.service))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
            return [await client.post(CHAT, json=body) for body in bodies]

    return asyncio.run(send())


def text_of(response: httpx.Response) -> str:
    if not response.headers["content-type"].startswith("text/event-stream"):
        return str(response.json()["choices"][0]["message"]["content"])
    lines = [line[6:] for line in response.text.split("\n") if line]
    assert lines[-1] == "[DONE]"
    return "".join(c["delta"].get("content", "") for line in lines[:-1] for c in json.loads(line)["choices"])


def states(responses: list[httpx.Response]) -> list[str]:
    return [response.headers["x-hanlin-cache"] for response in responses]


def test_the_second_time_no_replica_is_asked(spelling: Endpoint) -> None:
    found = ask(spelling, *[QUESTION] * 4)
    assert states(found) == ["miss", "hit", "hit", "hit"]
    assert [text_of(each) for each in found] == ["一座老桥。"] * 4
    assert len(spelling.upstream.asked) == 1
    assert len({each.json()["id"] for each in found}) == 4
    used = [each.json()["usage"] for each in found]
    assert {each["total_tokens"] for each in used} == {used[0]["total_tokens"]}
    prompt = used[0]["prompt_tokens"]
    assert [each["prompt_tokens_details"]["cached_tokens"] for each in used] == [0, prompt, prompt, prompt]
    assert all(each.headers["x-hanlin-revision"] == "7" for each in found)
    metrics = spelling.request("GET", "/metrics").text
    assert 'hanlin_cache_lookups_total{result="hit"} 3.0' in metrics
    assert 'hanlin_requests_total{endpoint="chat",status="200"} 4.0' in metrics


def test_streams_and_whole_answers_serve_each_other(spelling: Endpoint) -> None:
    streamed = QUESTION | {"stream": True, "stream_options": {"include_usage": True}}
    found = ask(spelling, streamed, QUESTION, streamed, streamed)
    assert states(found) == ["miss", "hit", "hit", "hit"]
    assert [text_of(each) for each in found] == ["一座老桥。"] * 4
    ids = [{json.loads(line[6:])["id"] for line in each.text.split("\n") if "{" in line} for each in found[2:]]
    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert [f'"cached_tokens":{count}}}' in each.text for count, each in zip((0, 16, 16), (found[0], *found[2:]), strict=True)]


def test_what_is_drawn_anew_is_never_kept(spelling: Endpoint) -> None:
    assert states(ask(spelling, *[QUESTION | {"temperature": 1}] * 2)) == ["off", "off"]
    assert states(ask(spelling, *[QUESTION | {"temperature": 1, "seed": 5}] * 2)) == ["miss", "hit"]
    assert len(spelling.upstream.asked) == 3


def test_a_client_can_ask_for_a_fresh_answer(spelling: Endpoint) -> None:
    assert states(ask(spelling, QUESTION, QUESTION)) == ["miss", "hit"]
    assert states(ask(spelling, QUESTION, headers={"Cache-Control": "no-cache"})) == ["off"]
    assert len(spelling.upstream.asked) == 2


def test_a_release_finds_no_answer_of_the_revision_before_and_a_rollback_finds_its_own(
    spelling: Endpoint, card: ModelCard
) -> None:
    old = {"tiny": (Route("7", "model-7"),)}
    new = {"tiny": (Route("8", "model-8"), Route("7", "model-7", 0))}
    back = {"tiny": (Route("8", "model-8", 0), Route("7", "model-7"))}

    async def run() -> list[httpx.Response]:
        service = spelling.service
        transport = httpx.ASGITransport(create_app(service))
        found = []
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            for table in (old, new, back):
                service.models.set_table(table)
                found += [await client.post(CHAT, json=QUESTION) for _ in range(3)]
        return found

    spelling.upstream.fingerprints = {"model-8": "8" * 20}
    found = asyncio.run(run())
    assert states(found) == ["miss", "hit", "hit", "miss", "hit", "hit", "hit", "hit", "hit"]
    assert [each.headers["x-hanlin-revision"] for each in found] == ["7"] * 3 + ["8"] * 3 + ["7"] * 3
    assert len(spelling.upstream.asked) == 2


def test_an_answer_that_broke_is_not_kept(spelling: Endpoint) -> None:
    spelling.upstream.script = lambda request: [Chunk((5,)), Chunk(finish="drained")]
    found = ask(spelling, QUESTION | {"stream": True}, QUESTION)
    assert '"error"' in found[0].text
    assert found[1].status_code == 503
    assert len(spelling.upstream.asked) == 2


def test_without_memory_there_is_no_cache(card: ModelCard) -> None:
    upstream = ScriptedUpstream(card)
    service = Service(upstream, 60, GatewaySettings(cache=CacheSpec(megabytes=0)))
    service.models.set_table({"tiny": (Route("7", "model-7"),)})
    assert states(ask(Endpoint(upstream, service), QUESTION, QUESTION)) == ["off", "off"]


def test_a_long_or_wrong_body_goes_to_the_application(spelling: Endpoint) -> None:
    long = QUESTION | {"user": "u" * (300 << 10)}
    assert states(ask(spelling, QUESTION, long, long)) == ["miss", "hit", "hit"]
    assert spelling.request("POST", CHAT, content=b"{bad").status_code == 400
