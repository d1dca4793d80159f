"""What a client makes of answers that are whole, refused, cut or wrong, and that each is asked at its time."""

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from benchmarks.replay.clients import Clients, send
from benchmarks.replay.trace import Ask

WHOLE = '{"choices": [{"message": {"content": "好"}}]}'
HEADERS = {"x-hanlin-revision": "day@2", "x-hanlin-cache": "miss"}


async def answered(body: str, status: int, stream: bool) -> Any:
    """The client's view of an endpoint that answers so."""

    async def endpoint(request: web.Request) -> web.Response:
        assert (await request.json())["messages"] == [{"role": "user", "content": "好吗"}]
        return web.Response(body=body.encode(), status=status, headers=HEADERS)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            return await send(client, "day", Ask(1.0, (("user", "好吗"),), "c", 8, stream))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("body", "status", "stream", "refused", "failure"),
    [
        (WHOLE, 200, False, False, ""),
        ('data: {"choices": []}\n\ndata: [DONE]\n\n', 200, True, False, ""),
        ('data: {"choices": []}\n\n', 200, True, False, "200: data: "),
        ('data: {"choices": []}\n\ndata: {"error": {"message": "the answer broke off"}}\n\n', 200, True, False, "200: data: "),
        ('{"error": {}}', 429, True, True, ""),
        ('{"error": {}}', 503, False, False, "503: "),
    ],
)
def test_an_answer_is_whole_or_not(body: str, status: int, stream: bool, refused: bool, failure: str) -> None:
    answer = asyncio.run(answered(body, status, stream))
    assert answer.refused == refused
    assert answer.failure.startswith(failure)
    assert answer.answered == (not refused and not failure)
    assert bool(answer.first) == (stream and status == 200)
    assert (answer.revision, answer.cache) == ("day@2", "miss")


def test_a_day_is_sent_and_waited_for() -> None:
    ask = Ask(0.0, (("user", "好吗"),), "c", 8, False)
    with Clients("http://127.0.0.1:1", "day", [ask, replace(ask, at=0.02)]) as clients:
        pass
    assert [each.at for each in clients.answers] == [0.0, 0.02]
    assert all(each.failure.startswith("ClientConnectorError") and each.late >= 0 for each in clients.answers)
