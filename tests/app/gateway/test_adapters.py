"""Adapters behind HTTP: models of their own with a parent, each under the revision that it was made for, nothing shared."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
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
from workloads.serving.engine.base import Adapter, Chunk, Request

CHAT = "/v1/chat/completions"
QUESTION = {"messages": [{"role": "user", "content": "镇上有几座桥？"}], "temperature": 0}
TEXTS = {"": "一座。", "law-7": "两座。", "law-8": "三座。", "tea-7": "四座。"}
Publish = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "adapters.json"


@pytest.fixture
def adapted(card: ModelCard, file: Path) -> Endpoint:
    """Revisions 7 and 8 of `tiny`, which have the fingerprints base-7 and base-8; what is said shows the adapter."""

    def script(request: Request) -> list[Chunk | Exception]:
        said = TEXTS[request.adapter.content if request.adapter else ""]
        return [*(Chunk((token,)) for token in Vocabulary(card.tokenizer).encode(said, special=False)), Chunk(finish="stop")]

    able = replace(card, capabilities=replace(card.capabilities, adapters=True))
    upstream = ScriptedUpstream(able, script, fingerprints={"model-7": "base-7", "model-8": "base-8"})
    service = Service(upstream, 60, GatewaySettings(adapters=str(file)))
    service.models.set_table({"tiny": (Route("7", "model-7", 1.0), Route("8", "model-8", 0.0))})
    return Endpoint(upstream, service)


@pytest.fixture
def publish(adapted: Endpoint, file: Path) -> Publish:
    def write(*adapters: tuple[str, str], model: str = "tiny") -> None:
        """Pairs of a name and the number of the revision; the gateway looks again at once."""
        entries = [
            {
                "name": name,
                "model": model,
                "revision": int(number),
                "base": f"base-{number}",
                "uri": f"/store/adapter/{name}-{number}",
                "fingerprint": f"{name}-{number}",
                "content": f"{name}-{number}",
                "created": datetime(2026, 11, 28, tzinfo=UTC).isoformat(),
            }
            for name, number in adapters
        ]
        file.write_text(json.dumps({"adapters": entries}), encoding="utf-8")
        watched = adapted.service.models.adapters._list
        assert watched is not None
        watched._looked = watched._seen = float("-inf")

    return write


def ask(endpoint: Endpoint, *bodies: dict[str, Any]) -> list[httpx.Response]:
    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(create_app(endpoint.service))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return [await client.post(CHAT, json=QUESTION | body) for body in bodies]

    return asyncio.run(send())


def text_of(response: httpx.Response) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


def test_an_adapter_is_listed_with_its_parent_where_its_revision_is_served(adapted: Endpoint, publish: Publish) -> None:
    publish(("law", "7"), ("tea", "9"))
    listed = adapted.request("GET", "/v1/models").json()["data"]
    assert [(each["id"], each["parent"]) for each in listed] == [
        ("tiny", None),
        ("tiny@7", None),
        ("tiny@8", None),
        ("law", "tiny"),
    ]
    alone = adapted.request("GET", "/v1/models/law").json()
    assert alone == listed[3]
    assert (alone["root"], alone["revision"], alone["fingerprint"]) == ("tiny", "7", "law-7")


def test_it_is_asked_like_a_model(adapted: Endpoint, publish: Publish) -> None:
    publish(("law", "7"))
    response = adapted.post(CHAT, **QUESTION, model="law")
    assert (response.status_code, text_of(response), response.json()["model"]) == (200, "两座。", "law")
    assert response.headers["x-hanlin-revision"] == "7"
    assert [each.adapter for each in adapted.upstream.asked] == [Adapter("law", "law-7", "/store/adapter/law-7")]
    scored = adapted.post("/v1/score", model="law", input="桥")
    assert adapted.upstream.asked[-1].adapter is not None, scored.text
    assert adapted.post("/v1/tokenize", model="law", prompt="桥").json()["count"] == 1


def test_each_revision_has_its_own_under_one_name(adapted: Endpoint, publish: Publish) -> None:
    publish(("law", "7"), ("law", "8"))
    assert text_of(adapted.post(CHAT, **QUESTION, model="law")) == "两座。"
    adapted.service.models.set_table({"tiny": (Route("8", "model-8", 1.0), Route("7", "model-7", 0.0))})
    assert text_of(adapted.post(CHAT, **QUESTION, model="law")) == "三座。"
    adapted.service.models.set_table({"tiny": (Route("8", "model-8", 1.0, trial=True), Route("7", "model-7", 0.0))})
    assert text_of(adapted.post(CHAT, **QUESTION, model="law")) == "两座。"


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ((), "no model 'law' is served here"),
        ((("law", "9"),), "it was made for a revision that is not served"),
    ],
)
def test_what_cannot_be_asked_is_a_model_not_found(
    adapted: Endpoint, publish: Publish, published: tuple[tuple[str, str], ...], says: str
) -> None:
    publish(*published)
    response = adapted.post(CHAT, **QUESTION, model="law")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert says in error["message"]
    assert adapted.upstream.asked == []


def test_a_withdrawn_one_is_gone_for_the_next_request(adapted: Endpoint, publish: Publish) -> None:
    publish(("law", "7"))
    assert adapted.post(CHAT, **QUESTION, model="law").status_code == 200
    publish()
    assert adapted.post(CHAT, **QUESTION, model="law").status_code == 404


def test_an_engine_that_takes_none_is_told_before_it_is_asked(adapted: Endpoint, publish: Publish) -> None:
    publish(("law", "7"))
    capabilities = adapted.upstream.card_.capabilities
    adapted.upstream.card_ = replace(adapted.upstream.card_, capabilities=replace(capabilities, adapters=False))
    response = adapted.post(CHAT, **QUESTION, model="law")
    assert response.status_code == 404
    assert "serving.adapter_mb is 0" in response.json()["error"]["message"]


def test_kept_answers_belong_to_one_adapter(adapted: Endpoint, publish: Publish) -> None:
    publish(("law", "7"), ("tea", "7"))
    bodies = [{"model": name} for name in ("tiny", "law", "tea", "tiny", "law", "tea", "law")]
    found = ask(adapted, *bodies)
    assert [text_of(each) for each in found] == ["一座。", "两座。", "四座。", "一座。", "两座。", "四座。", "两座。"]
    assert [each.headers["x-hanlin-cache"] for each in found] == ["miss"] * 3 + ["hit"] * 4


def test_a_kept_answer_is_not_that_of_the_adapter_published_after_it(
    adapted: Endpoint, publish: Publish, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(("law", "7"))
    monkeypatch.setitem(TEXTS, "law-7b", "五座。")
    application = create_app(adapted.service)

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            before = [await client.post(CHAT, json=QUESTION | {"model": "law"}) for _ in range(3)]
            file.write_text(file.read_text().replace('"content": "law-7"', '"content": "law-7b"'))
            watched: Any = adapted.service.models.adapters._list
            watched._looked = float("-inf")
            return [*before, await client.post(CHAT, json=QUESTION | {"model": "law"})]

    found = asyncio.run(run())
    assert [text_of(each) for each in found] == ["两座。"] * 3 + ["五座。"]
    assert [each.headers["x-hanlin-cache"] for each in found] == ["miss", "hit", "hit", "miss"]


@pytest.mark.parametrize("path", ["embeddings", "classify"])
def test_an_adapter_encodes_nothing(adapted: Endpoint, publish: Publish, path: str) -> None:
    publish(("law", "7"))
    response = adapted.post(f"/v1/{path}", model="law", input="桥")
    assert response.status_code == 400
    assert "adapters answer, they encode nothing; ask tiny" in response.json()["error"]["message"]


def test_a_trial_is_not_judged_by_adapters_nor_speaks_for_them(adapted: Endpoint, publish: Publish) -> None:
    """The adapter of the revision on trial alone: asked, not observed, and not rescued by a revision without it."""
    publish(("law", "8"))
    trial = Route("8", "model-8", 0.5, trial=True, shadow=1.0)
    adapted.service.models.set_table({"tiny": (trial, Route("7", "model-7", 0.5))})
    assert text_of(adapted.post(CHAT, **QUESTION, model="law")) == "三座。"
    adapted.upstream.script = lambda request: [RuntimeError("gone")]
    assert adapted.post(CHAT, **QUESTION | {"temperature": 1}, model="law").status_code == 500
    assert {each.adapter.name for each in adapted.upstream.asked if each.adapter} == {"law"}
    assert all(each.adapter for each in adapted.upstream.asked)
    assert adapted.service.trials.observer.take() == {}
