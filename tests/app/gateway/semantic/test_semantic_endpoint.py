"""The endpoint with a calibration: who gets the answer to another question, and who never does."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.gateway.http import create_app
from app.gateway.limits.keys import SCOPES
from app.gateway.routes import Route
from app.gateway.semantic.calibration import Calibration
from app.gateway.service import Service
from app.gateway.settings import GatewaySettings, settings_of
from app.gateway.upstream import Batch
from app.gateway.vocabulary import Vocabulary
from cluster.errors import InputError
from tests.app.gateway.conftest import ScriptedUpstream
from tests.app.gateway.limits.test_guarded_endpoint import bearer, keys_file
from tests.workloads.serving.tiny_model import TOOLS_TEMPLATE
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk
from workloads.serving.gateway_spec import CacheSpec
from workloads.serving.spec import ServingSpec

CHAT = "/v1/chat/completions"
DEGREES = {"怎么还款": 0, "如何还款": 10, "还款3次": 1, "还款4次": 2, "天气如何": 90}
PROVEN = Calibration(
    model="tiny",
    fingerprint="f" * 20,
    threshold=math.cos(math.radians(15)),
    allowed=0.01,
    confidence=0.95,
    hits=400,
    wrong_hits=0,
    at_most=0.0075,
)
Send = Callable[..., httpx.Response]


@dataclass
class Turning(ScriptedUpstream):
    """Every question has a direction of its own."""

    embedded: list[str] = field(default_factory=list)

    async def embed(self, app: str, batch: Batch) -> list[list[float]]:
        await super().embed(app, batch)
        found = [Vocabulary(self.card_.tokenizer).decode(tokens) for tokens in batch]
        self.embedded += found
        angles = [math.radians(DEGREES[text]) for text in found]
        return [[3 * math.cos(angle), 3 * math.sin(angle)] for angle in angles]


def said(text: str, *before: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": [*before, {"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": 20,
    } | more


@dataclass
class Scene:
    upstream: Turning
    settings: GatewaySettings
    service: Service

    def states(self, *asked: dict[str, Any] | tuple[dict[str, Any], dict[str, str]]) -> list[str]:
        return [each.headers["x-hanlin-cache"] for each in self.answers(*asked)]

    def answers(self, *asked: dict[str, Any] | tuple[dict[str, Any], dict[str, str]]) -> list[httpx.Response]:
        """One after the other; a pair is a body with headers."""

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(create_app(self.service))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                found = []
                for each in asked:
                    body, headers = each if isinstance(each, tuple) else (each, {})
                    found.append(await client.post(CHAT, json=body, headers=headers))
                return found

        return asyncio.run(send())


def scene(card: ModelCard, **settings: Any) -> Scene:
    tokens = Vocabulary(card.tokenizer).encode("可以。", special=False)
    upstream = Turning(card, lambda request: [Chunk(tokens), Chunk(finish="stop")])
    settings_ = GatewaySettings(semantic=PROVEN, **settings)
    service = Service(upstream, 60, settings_)
    service.models.set_table({"tiny": (Route("7", "model-7", 1.0), Route("8", "model-8", 0.0))})
    return Scene(upstream, settings_, service)


def test_a_question_that_means_the_same_gets_the_kept_answer(card: ModelCard) -> None:
    served = scene(card)
    first, alike, other, again, streamed = served.answers(
        said("怎么还款"), said("如何还款"), said("天气如何"), said("怎么还款"), said("如何还款", stream=True)
    )
    states = [each.headers["x-hanlin-cache"] for each in (first, alike, other, again, streamed)]
    assert states == ["miss", "semantic", "miss", "hit", "semantic"]
    assert alike.json()["choices"] == first.json()["choices"]
    used = alike.json()["usage"]
    assert used["prompt_tokens_details"]["cached_tokens"] == used["prompt_tokens"] > 0
    assert "可" in streamed.text
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert len(served.upstream.asked) == 2
    assert served.upstream.embedded == ["怎么还款", "如何还款", "天气如何", "如何还款"], "none for what is kept itself"
    assert 'hanlin_cache_lookups_total{result="semantic"} 2.0' in served.service.metrics.render().decode()


SYSTEM = {"role": "system", "content": "简短"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (said("还款3次"), said("还款4次")),
        (said("怎么还款"), said("如何还款", max_tokens=9)),
        (said("怎么还款"), said("如何还款", stop=["。"])),
        (said("怎么还款"), said("如何还款", temperature=1, seed=5)),
        (said("怎么还款"), said("如何还款", SYSTEM)),
        (said("怎么还款", {"role": "user", "content": "好"}), said("如何还款", {"role": "user", "content": "坏"})),
        (said("怎么还款"), said("如何还款", model="tiny@8")),
        (said("怎么还款", n=2), said("如何还款")),
        (said("怎么还款", logprobs=True), said("如何还款", logprobs=True)),
        (said("怎么还款", response_format={"type": "json_object"}), said("如何还款", response_format={"type": "json_object"})),
    ],
)
def test_what_differs_in_anything_else_is_answered_by_itself(card: ModelCard, first: Any, second: Any) -> None:
    served = scene(card)
    served.upstream.fingerprints = {"model-8": "8" * 20}
    assert served.states(first, second) == ["miss", "miss"]


def test_tools_and_what_is_drawn_anew_are_left_out(card: ModelCard) -> None:
    served = scene(card)
    able = replace(card.capabilities, max_context=2000)
    served.upstream.card_ = replace(card, chat_template=TOOLS_TEMPLATE, capabilities=able)
    tools = {"tools": [{"type": "function", "function": {"name": "pay"}}]}
    assert served.states(said("怎么还款", **tools), said("如何还款", **tools)) == ["miss", "miss"]
    assert served.states(said("怎么还款", temperature=1), said("如何还款", temperature=1)) == ["off", "off"]
    fresh = {"cache-control": "no-cache"}
    assert served.states(said("怎么还款"), (said("如何还款"), fresh)) == ["miss", "off"]
    assert served.upstream.embedded == ["怎么还款"]


@pytest.mark.parametrize("scope", ["tenant", "shared"])
def test_tenants_never_get_each_others(card: ModelCard, tmp_path: Path, scope: Any) -> None:
    file, shown, _ = keys_file(tmp_path, one=SCOPES, two=SCOPES)
    served = scene(card, keys=file, cache=CacheSpec(scope=scope))
    one, two = bearer(shown["one"]), bearer(shown["two"])
    asked = [(said("怎么还款"), one), (said("如何还款"), two), (said("如何还款"), one)]
    assert served.states(*asked) == ["miss", "miss", "hit" if scope == "shared" else "semantic"]


def test_a_release_finds_nothing_of_the_revision_before(card: ModelCard, caplog: pytest.LogCaptureFixture) -> None:
    served = scene(card)
    served.upstream.fingerprints = {"model-8": "8" * 20}
    assert served.states(said("怎么还款")) == ["miss"]
    served.service.models.set_table({"tiny": (Route("8", "model-8", 1.0),)})
    with caplog.at_level(logging.WARNING):
        assert served.states(said("如何还款"), said("怎么还款"), said("如何还款")) == ["miss", "miss", "hit"]
    (told,) = caplog.records
    assert told.__dict__["facts"] == {"model": "tiny", "reason": "another model than was calibrated makes the vectors now"}


def test_without_vectors_requests_go_on(card: ModelCard, caplog: pytest.LogCaptureFixture) -> None:
    served = scene(card)
    served.upstream.encodes = False
    with caplog.at_level(logging.WARNING):
        assert served.states(said("怎么还款"), said("如何还款")) == ["miss", "miss"]
    assert len(caplog.records) == 1


def test_an_answer_that_broke_is_not_remembered(card: ModelCard) -> None:
    served = scene(card)
    whole = served.upstream.script
    served.upstream.script = lambda request: [Chunk((5,)), Chunk(finish="drained")]
    assert served.answers(said("怎么还款"))[0].status_code == 503
    served.upstream.script = whole
    assert served.states(said("如何还款")) == ["miss"]


def test_it_is_off_without_a_calibration_and_not_switched_on_by_a_file_that_is_none(tmp_path: Path) -> None:
    assert settings_of(ServingSpec()).semantic is None
    with pytest.raises(InputError, match="calibrate"):
        settings_of(ServingSpec(cache=CacheSpec(semantic=str(tmp_path / "none.json"))))
    (tmp_path / "good.json").write_text(PROVEN.model_dump_json(), encoding="utf-8")
    assert settings_of(ServingSpec(cache=CacheSpec(semantic=str(tmp_path / "good.json")))).semantic == PROVEN
    with pytest.raises(ValueError, match="none are kept"):
        CacheSpec(semantic="a.json", megabytes=0)
