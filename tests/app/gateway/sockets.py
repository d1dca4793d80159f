"""The endpoint's application on a socket, and clients that write their requests byte by byte. Not a test."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.app.gateway.test_http import CHAT, QUESTION

BODY = json.dumps({"model": "tiny", "messages": QUESTION, "max_tokens": 4}).encode()


def head(path: str = CHAT, *lines: str, length: int | None = None) -> bytes:
    announced = f"Content-Length: {len(BODY) if length is None else length}"
    asked = (f"POST {path} HTTP/1.1", "Host: gateway", "Content-Type: application/json", announced, *lines)
    return "\r\n".join(asked).encode() + b"\r\n\r\n"


WELL = head() + BODY


class Server:
    """The endpoint's application on a socket."""

    def __init__(self, app: Any) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 10)  # soon full where a client does not read
        self.port: int = listener.getsockname()[1]
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._uvicorn.serve(sockets=[listener])))
        self._thread.start()

    def end(self) -> None:
        self._uvicorn.should_exit = self._uvicorn.force_exit = True
        self._thread.join()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not come within 30 s"
        time.sleep(0.005)


def read_answer(connection: socket.socket) -> tuple[int, Any]:
    """Status and JSON of one answer that announces its length."""
    told = connection.makefile("rb")
    status = int(told.readline().split()[1])
    length = 0
    while (line := told.readline().strip()) != b"":
        name, _, value = line.partition(b": ")
        length = int(value) if name == b"content-length" else length
    return status, json.loads(told.read(length))


def ask(port: int, sent: bytes) -> tuple[int, Any]:
    with connect(port) as connection:
        connection.sendall(sent)
        return read_answer(connection)


def is_well(port: int) -> None:
    status, answer = ask(port, WELL)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "一座。")


@contextmanager
def crowd(port: int, sent: bytes, count: int = 50) -> Iterator[list[socket.socket]]:
    """So many connections on which that was sent, and no more."""
    connections = [connect(port) for _ in range(count)]
    try:
        for each in connections:
            each.sendall(sent)
        yield connections
    finally:
        for each in connections:
            each.close()
