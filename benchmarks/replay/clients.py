"""Sends the requests of a day at their times, whether or not those before are answered, and keeps what each client saw.

A request that is refused (429) is not sent again.
"""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from benchmarks.replay.trace import Ask

_SECONDS = 120.0
"""A request that takes longer has failed."""


@dataclass(frozen=True)
class Answer:
    """What the client of one request saw. `at`: when it was due, seconds since midnight; `late`: by how much it was sent later;
    `first` (0 where not streamed) and `seconds`: to the first text and to the end. `failure` is empty where it was answered or
    refused."""

    at: float
    late: float
    first: float = 0.0
    seconds: float = 0.0
    revision: str = ""
    cache: str = ""
    refused: bool = False
    failure: str = ""

    @property
    def answered(self) -> bool:
        return not self.refused and not self.failure


class Clients:
    """Everybody who asks within the block, in a thread of their own; its end waits for the last answers."""

    def __init__(self, url: str, model: str, asks: Sequence[Ask]) -> None:
        self.answers: list[Answer] = []
        self.began = time.time()
        self._url, self._model, self._asks = url, model, asks
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()))

    def __enter__(self) -> "Clients":
        self.began = time.time()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.join()

    async def _send_all(self) -> None:
        connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(_SECONDS)
        async with (
            aiohttp.ClientSession(self._url, connector=connector, timeout=timeout) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for ask in self._asks:
                await asyncio.sleep(max(0.0, self.began + ask.at - time.time()))
                tasks.create_task(self._send(client, ask))

    async def _send(self, client: aiohttp.ClientSession, ask: Ask) -> None:
        late = time.time() - self.began - ask.at
        try:
            answer = await send(client, self._model, ask, late)
        except (aiohttp.ClientError, TimeoutError) as error:
            answer = Answer(ask.at, late, failure=f"{type(error).__name__}: {error}")
        self.answers.append(answer)


async def send(client: aiohttp.ClientSession, model: str, ask: Ask, late: float = 0.0) -> Answer:
    """One request and its answer, whole or streamed. Raises aiohttp.ClientError, TimeoutError."""
    messages = [{"role": role, "content": text} for role, text in ask.messages]
    body = {"model": model, "messages": messages, "max_tokens": ask.tokens, "temperature": 0, "stream": ask.stream}
    headers = {"x-hanlin-conversation": ask.conversation}
    began, first, told = time.perf_counter(), 0.0, b""
    async with client.post("/v1/chat/completions", json=body, headers=headers) as response:
        async for line in response.content:
            if ask.stream and not first and line.startswith(b"data: "):
                first = time.perf_counter() - began
            told = line if line.strip() else told
        seconds = time.perf_counter() - began
        failure = "" if response.status == 429 else fault(response.status, ask.stream, told)
        names = response.headers.get("x-hanlin-revision", ""), response.headers.get("x-hanlin-cache", "")
        return Answer(ask.at, late, first, seconds, *names, refused=response.status == 429, failure=failure)


def fault(status: int, stream: bool, last: bytes) -> str:
    """What is wrong with an answer that ends in this line; empty where it is whole."""
    whole = last.startswith(b"data: [DONE]") if stream else status == 200 and bool(json.loads(last)["choices"])
    return "" if status == 200 and whole else f"{status}: {last[-300:].decode(errors='replace')}"
