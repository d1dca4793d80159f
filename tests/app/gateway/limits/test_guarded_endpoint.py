"""The endpoint with keys and limits: who may, who is told to wait, whose answers are whose."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.gateway.http import create_app
from app.gateway.limits.keys import SCOPES, ApiKey, KeyRing, Scope, new_key, utc_now
from app.gateway.limits.keystore import write_keys
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.settings import GatewaySettings
from tests.app.gateway.conftest import ScriptedUpstream
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, Stats
from workloads.serving.gateway_spec import CacheSpec, LimitsSpec, TenantSpec

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "桥"}], "max_tokens": 8}


@dataclass
class HeldUpstream(ScriptedUpstream):
    """Replicas with four slots that answer once `go` is set."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def stats(self, app: str) -> Stats:
        return Stats(slots=4)

    async def generate(
        self, app: str, request: Request, pause: float, taken_within: float = 0.0
    ) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        try:
            await self.go.wait()
            yield Chunk((5, 6), finish="stop")
        finally:
            self.closed += 1


def served(upstream: ScriptedUpstream, settings: GatewaySettings) -> Service:
    service = Service(upstream, 60, settings)
    service.models.set_table({"tiny": (Route("7", "model-7"),)})
    return service


def client_of(service: Service) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(service)), base_url="http://gateway")


def running(upstream: ScriptedUpstream, settings: GatewaySettings) -> httpx.AsyncClient:
    return client_of(served(upstream, settings))


def keys_file(folder: Path, **tenants: tuple[Scope, ...]) -> tuple[str, dict[str, str], dict[str, ApiKey]]:
    """A file with a key for each tenant: its path, and by tenant what to present, and what is kept."""
    made = {name: new_key(name, scopes, utc_now(), None) for name, scopes in tenants.items()}
    write_keys(str(folder / "keys.json"), KeyRing({key.id: key for key, _ in made.values()}))
    return str(folder / "keys.json"), {n: shown for n, (_, shown) in made.items()}, {n: key for n, (key, _) in made.items()}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # the test's own time limit ends what never comes
        await asyncio.sleep(0.001)


def test_only_a_good_key_with_the_scope_may(card: ModelCard, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, shown, _ = keys_file(tmp_path, shop=SCOPES, reader=("models",))
    upstream = ScriptedUpstream(card)

    async def run() -> None:
        async with running(upstream, GatewaySettings(keys=path)) as client:
            for headers in ({}, bearer("hk-x-y"), {"Authorization": shown["shop"]}, {"Authorization": "Bearer"}):
                refused = await client.post(CHAT, json=ASK, headers=headers)
                assert refused.status_code == 401
                assert refused.json()["error"]["code"] == "invalid_api_key"
                assert refused.json()["error"]["type"] == "authentication_error"
            assert (await client.post(CHAT, json=ASK, headers=bearer(shown["shop"]))).status_code == 200
            assert (await client.get("/v1/models", headers=bearer(shown["reader"]))).status_code == 200
            wrong = await client.post(CHAT, json=ASK, headers=bearer(shown["reader"]))
            assert wrong.status_code == 403
            assert "not for generate" in wrong.json()["error"]["message"]
            for path_ in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
                assert (await client.get(path_)).status_code == 200
            assert 'hanlin_requests_total{endpoint="other",status="401"} 4.0' in (await client.get("/metrics")).text

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    secrets = [each.split("-", 2)[2] for each in shown.values()]
    told = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert not [secret for secret in secrets if secret in told]
    assert len(upstream.asked) == 1


def test_an_expired_key_is_told_so(card: ModelCard, tmp_path: Path) -> None:
    key, shown = new_key("shop", SCOPES, utc_now() - timedelta(days=2), utc_now() - timedelta(days=1))
    write_keys(str(tmp_path / "keys.json"), KeyRing({key.id: key}))

    async def run() -> None:
        async with running(ScriptedUpstream(card), GatewaySettings(keys=str(tmp_path / "keys.json"))) as client:
            refused = await client.post(CHAT, json=ASK, headers=bearer(shown))
            assert (refused.status_code, "is expired" in refused.json()["error"]["message"]) == (401, True)

    asyncio.run(run())


@pytest.mark.parametrize(("scope", "second"), [("tenant", "miss"), ("shared", "hit")])
def test_kept_answers_are_the_tenants_own_unless_shared(card: ModelCard, tmp_path: Path, scope: Any, second: str) -> None:
    path, shown, _ = keys_file(tmp_path, one=SCOPES, two=SCOPES)

    async def run() -> None:
        upstream = ScriptedUpstream(card, lambda request: [Chunk((5,), finish="stop")])
        async with running(upstream, GatewaySettings(keys=path, cache=CacheSpec(scope=scope))) as client:
            states = []
            for key in ("one", "one", "one", "two", "two", "two"):
                answer = await client.post(CHAT, json=ASK | {"temperature": 0}, headers=bearer(shown[key]))
                states.append(answer.headers["x-hanlin-cache"])
            assert states == ["miss", "hit", "hit", second, "hit", "hit"]

    asyncio.run(run())


def test_overload_is_429_at_once_and_what_was_let_in_is_answered(card: ModelCard) -> None:
    async def run() -> None:
        upstream = HeldUpstream(card)
        async with running(upstream, GatewaySettings(limits=LimitsSpec(longest_wait=0.5))) as client:
            asked = [asyncio.create_task(client.post(CHAT, json=ASK)) for _ in range(40)]
            await until(lambda: sum(task.done() for task in asked) == 34)
            refused = [task.result() for task in asked if task.done()]
            assert {each.status_code for each in refused} == {429}
            assert refused[0].json()["error"]["code"] == "overloaded"
            assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
            assert len(upstream.asked) == 4
            upstream.go.set()
            answers = [each for each in await asyncio.gather(*asked) if each.status_code == 200]
            assert len(answers) == len(upstream.asked) == 6

    asyncio.run(run())


def test_who_leaves_while_waiting_or_running_gives_the_place_to_the_next(card: ModelCard) -> None:
    async def run() -> None:
        upstream = HeldUpstream(card)
        service = served(upstream, GatewaySettings(limits=LimitsSpec(longest_wait=2)))
        async with client_of(service) as client:
            lengths = range(11, 18)  # what tells the requests from one another upstream
            asked = {length: asyncio.create_task(client.post(CHAT, json=ASK | {"max_tokens": length})) for length in lengths}
            await until(lambda: len(upstream.asked) == 4 and service.admission.waiting == 3)
            first, second = (request.max_new_tokens for request in upstream.asked[:2])
            waits = next(length for length in lengths if length not in {each.max_new_tokens for each in upstream.asked})
            asked[waits].cancel()
            asked[first].cancel()
            await until(lambda: upstream.closed == 1 and len(upstream.asked) == 5)
            asked[second].cancel()
            await until(lambda: upstream.closed == 2 and len(upstream.asked) == 6)
            upstream.go.set()
            done = await asyncio.gather(*asked.values(), return_exceptions=True)
            assert sum(isinstance(each, httpx.Response) and each.status_code == 200 for each in done) == 4
            assert waits not in {each.max_new_tokens for each in upstream.asked}

    asyncio.run(run())


def test_a_tenants_rate_and_priority(card: ModelCard, tmp_path: Path) -> None:
    path, shown, _ = keys_file(tmp_path, small=SCOPES, large=SCOPES)
    limits = LimitsSpec(tenants={"small": TenantSpec(tokens_per_minute=5, priority=7)})

    async def run() -> None:
        upstream = ScriptedUpstream(card, lambda request: [Chunk((5, 6), finish="stop")])
        async with running(upstream, GatewaySettings(keys=path, limits=limits)) as client:
            small, large = bearer(shown["small"]), bearer(shown["large"])
            assert (await client.post(CHAT, json=ASK, headers=small)).status_code == 200
            refused = await client.post(CHAT, json=ASK, headers=small)
            assert refused.status_code == 429
            assert "5 tokens per minute" in refused.json()["error"]["message"]
            assert int(refused.headers["retry-after"]) > 10
            assert (await client.post(CHAT, json=ASK, headers=large)).status_code == 200
            assert [each.priority for each in upstream.asked] == [7, 0]

    asyncio.run(run())


def test_a_kept_answer_needs_no_place_and_no_tokens(card: ModelCard) -> None:
    async def run() -> None:
        upstream = HeldUpstream(card)
        limits = LimitsSpec(longest_wait=0, default=TenantSpec(queue=0))
        async with running(upstream, GatewaySettings(limits=limits)) as client:
            upstream.go.set()
            greedy = ASK | {"temperature": 0}
            assert (await client.post(CHAT, json=greedy)).headers["x-hanlin-cache"] == "miss"
            upstream.go.clear()
            asked = [asyncio.create_task(client.post(CHAT, json=ASK)) for _ in range(4)]
            await until(lambda: len(upstream.asked) == 5)
            assert (await client.post(CHAT, json=ASK)).status_code == 429
            for _ in range(3):
                assert (await client.post(CHAT, json=greedy)).headers["x-hanlin-cache"] == "hit"
            upstream.go.set()
            await asyncio.gather(*asked)

    asyncio.run(run())


def test_a_clients_deadline(card: ModelCard) -> None:
    async def run() -> None:
        upstream = HeldUpstream(card)
        async with running(upstream, GatewaySettings()) as client:
            late = await client.post(CHAT, json=ASK, headers={"x-hanlin-timeout": "0.05"})
            assert late.status_code == 503
            assert "deadline" in late.json()["error"]["message"]
            assert upstream.closed == 1
            for wrong in ("soon", "-1", "0", "nan", "inf"):
                refused = await client.post(CHAT, json=ASK, headers={"x-hanlin-timeout": wrong})
                assert (refused.status_code, refused.json()["error"]["param"]) == (400, "x-hanlin-timeout")

    asyncio.run(run())
