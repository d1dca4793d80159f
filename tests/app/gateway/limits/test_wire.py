"""Clients that misuse their connection, on a real HTTP server: they are told so, hold nothing, and disturb nobody."""

import json
from collections.abc import Iterator

import pytest

from app.gateway.limits import wire
from app.gateway.reading import MAX_BODY
from app.gateway.vocabulary import Vocabulary
from tests.app.gateway.conftest import Endpoint
from tests.app.gateway.sockets import BODY, WELL, Server, ask, connect, crowd, head, is_well, read_answer, until
from tests.app.gateway.test_http import CHAT, COMPLETIONS
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request


@pytest.fixture
def port(endpoint: Endpoint, card: ModelCard) -> Iterator[int]:
    tokens = Vocabulary(card.tokenizer).encode("一座。", special=False)
    endpoint.upstream.script = lambda request: [Chunk(tokens), Chunk(finish="stop")]
    running = Server(endpoint.app)
    yield running.port
    running.end()


@pytest.mark.parametrize(
    "lines",
    [
        [f"X-{number}: a" for number in range(wire.MOST_HEADERS)],
        [f"X-{number}: a" for number in range(20_000)],
        ["X-One: " + "a" * wire.MOST_HEAD_BYTES],
        ["Authorization: Bearer " + "a" * (1 << 20)],
    ],
    ids=["many", "very many", "long", "very long"],
)
def test_a_flood_of_headers_is_431(port: int, endpoint: Endpoint, lines: list[str]) -> None:
    status, answer = ask(port, head(CHAT, *lines) + BODY)
    assert (status, answer["error"]["code"]) == (431, "headers_too_large")
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert endpoint.upstream.asked == []
    is_well(port)


def test_a_long_path_is_431_and_not_told_back(port: int) -> None:
    status, answer = ask(port, head("/" + "a" * wire.MOST_HEAD_BYTES) + BODY)
    assert status == 431
    status, answer = ask(port, head("/" + "a" * 8000) + BODY)
    assert status == 404
    assert len(answer["error"]["message"]) < 200


@pytest.mark.parametrize("sent", [b"", b"POST " + CHAT.encode(), head()[:-2], head() + BODY[:-1]])
def test_requests_that_stop_coming_disturb_nobody(port: int, endpoint: Endpoint, sent: bytes) -> None:
    with crowd(port, sent):
        is_well(port)
    assert len(endpoint.upstream.asked) == 1
    is_well(port)


@pytest.mark.parametrize("length", [len(BODY), 300_000], ids=["short", "beyond what is looked up"])
def test_a_body_that_stops_coming_is_408(port: int, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(wire, "PAUSE_SECONDS", 0.2)
    came = BODY[:-1] if length == len(BODY) else b" " * (length - 1)
    status, answer = ask(port, head(length=length) + came)
    assert status == 408
    assert "the body stopped coming for 0.2 s" in answer["error"]["message"]
    is_well(port)


def test_a_body_may_pause(port: int) -> None:
    with connect(port) as connection:
        for part in (head(), BODY[:5], BODY[5:]):
            connection.sendall(part)
            is_well(port)
        assert read_answer(connection)[0] == 200


def test_huge_bodies_are_413(port: int) -> None:
    assert ask(port, head(length=1 << 40))[0] == 413
    with connect(port) as connection:
        connection.sendall(head().replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked"))
        part = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        sent = 0
        try:
            while sent < 4 * MAX_BODY:
                sent += connection.send(part)
        except OSError:
            pass  # the server has closed what it does not read
        else:
            pytest.fail("the server reads whatever comes")
    is_well(port)


def test_pipelined_requests_are_answered_in_their_order(port: int, endpoint: Endpoint) -> None:
    with connect(port) as connection:
        connection.sendall(WELL + head("/v1/nothing") + BODY + WELL)
        told = b""
        while told.count(b"HTTP/1.1 ") < 3 or not told.endswith(b"}"):
            told += connection.recv(65536)
    assert [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]
    assert len(endpoint.upstream.asked) == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
        b"\x00" * 100,
        WELL + b"\x00\x01\x02 nonsense\r\n\r\n",
        head().replace(b"Content-Length", b"Content Length") + BODY,
        head().replace(b"Content-Length: ", b"Content-Length: -") + BODY,
        head(CHAT, "Content-Length: 7") + BODY,
        head(CHAT, "Transfer-Encoding: chunked") + b"0\r\n\r\n" + WELL,
        head().replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked") + b"zz\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_its_connection_alone(port: int, endpoint: Endpoint, sent: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(sent)
        told = b""
        while part := connection.recv(65536):
            told += part
    assert told.split(b"HTTP/1.1 ")[-1][:3] == b"400"
    assert len(endpoint.upstream.asked) <= 1
    is_well(port)


def test_who_does_not_read_is_let_go_and_holds_no_place(
    port: int, endpoint: Endpoint, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "UNREAD_SECONDS", 0.2)
    usual, long = endpoint.upstream.script, Vocabulary(card.tokenizer).encode("一" * 2000, special=False)

    def script(request: Request) -> list[Chunk | Exception]:
        return [Chunk(long) for _ in range(5000)] if request.max_new_tokens > 50 else usual(request)

    endpoint.upstream.script = script
    body = json.dumps({"model": "tiny", "prompt": "甲", "stream": True, "max_tokens": 100}).encode()
    slots = card.capabilities.slots
    with crowd(port, head(COMPLETIONS, length=len(body)) + body, slots):
        until(lambda: len(endpoint.upstream.asked) == slots)
        until(lambda: endpoint.upstream.closed == slots)
        is_well(port)


def test_who_reads_slowly_gets_all(port: int, endpoint: Endpoint, card: ModelCard) -> None:
    text = Vocabulary(card.tokenizer).encode("一" * 1000, special=False)
    endpoint.upstream.script = lambda request: [*[Chunk(text)] * 1000, Chunk(finish="stop")]
    body = json.dumps({"model": "tiny", "prompt": "甲", "stream": True, "max_tokens": 100}).encode()
    with connect(port) as connection:
        connection.sendall(head(COMPLETIONS, "Connection: close", length=len(body)) + body)
        told = b"".join(iter(lambda: connection.recv(4096), b""))
    assert told.count("一".encode()) == 1_000_000
    assert b"data: [DONE]" in told[-50:]
