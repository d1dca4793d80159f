"""The second level against a real server: two gateways share it, and requests go on when it dies."""

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from app.gateway.answer import Piece
from app.gateway.cache.cache import ResponseCache
from app.gateway.cache.recording import Event
from app.gateway.cache.shared import SharedAnswers
from tests.app.gateway.cache.conftest import RedisServer


class Counted:
    """Generates the same answer each time and counts."""

    def __init__(self) -> None:
        self.started = 0

    async def __call__(self) -> AsyncGenerator[Event, None]:
        self.started += 1
        yield 0, Piece("青石镇", tokens=3, finish="stop")


async def ask(cache: ResponseCache, key: str, generate: Counted) -> tuple[str, str]:
    told: list[str] = []
    answer = cache.answer(key, generate, told.append)
    text = "".join([piece.text async for _, piece in answer.events()])
    return told[0], text


async def until_stored(shared: SharedAnswers, key: str) -> None:
    while await shared.get(key) is None:  # the test's own time limit ends what never comes
        await asyncio.sleep(0.01)


def gateway(server: RedisServer) -> tuple[ResponseCache, SharedAnswers]:
    shared = SharedAnswers(server.address, 60)
    return ResponseCache(1 << 20, shared), shared


def test_what_one_gateway_generated_another_finds(redis_server: RedisServer) -> None:
    async def run() -> None:
        generate = Counted()
        (one, first), (two, second) = gateway(redis_server), gateway(redis_server)
        assert await ask(one, "k", generate) == ("miss", "青石镇")
        await until_stored(second, "k")
        assert await ask(two, "k", generate) == ("hit", "青石镇")
        assert await ask(two, "k", generate) == ("hit", "青石镇")
        assert generate.started == 1
        await first.close()
        await second.close()

    asyncio.run(run())


def test_requests_go_on_without_the_server_with_one_warning_and_it_is_found_again(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        generate = Counted()
        cache, shared = gateway(redis_server)
        assert await ask(cache, "before", generate) == ("miss", "青石镇")
        await until_stored(shared, "before")
        redis_server.kill()
        for number in range(50):
            assert await ask(cache, f"during-{number}", generate) == ("miss", "青石镇")
        assert shared.open_circuit
        assert await ask(cache, "before", generate) == ("hit", "青石镇")
        redis_server.start()
        while shared.open_circuit:  # the test's own time limit ends what never comes
            await asyncio.sleep(0.05)
        assert await ask(cache, "after", generate) == ("miss", "青石镇")
        await until_stored(shared, "after")
        await shared.close()

    with caplog.at_level(logging.INFO, logger="app.gateway.cache"):
        asyncio.run(run())
    assert [record.message for record in caplog.records] == ["shared_cache_away", "shared_cache_back"]


def test_an_answer_that_cannot_be_read_is_a_miss(redis_server: RedisServer) -> None:
    async def run() -> None:
        cache, shared = gateway(redis_server)
        shared.put("k", b"[1, 2]")
        await until_stored(shared, "k")
        assert await ask(cache, "k", Counted()) == ("miss", "青石镇")
        await shared.close()

    asyncio.run(run())


def test_a_server_that_accepts_and_says_nothing_holds_up_one_request_only() -> None:
    pytest.importorskip("redis", reason="the package redis is not installed (pip install 'hanlin[redis]')")

    async def run() -> None:
        silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        shared = SharedAnswers(f"redis://127.0.0.1:{port}/0", 60)
        cache, generate = ResponseCache(1 << 20, shared), Counted()
        assert await ask(cache, "one", generate) == ("miss", "青石镇")
        assert shared.open_circuit
        assert await shared.get("two") is None
        await shared.close()
        silent.close()

    asyncio.run(run())
