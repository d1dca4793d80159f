"""HAProxy as Serve writes it and as it is set here, before two gateways without Ray: what it lets through, and what outlives what."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.gateway.http import create_app
from app.gateway.limits import wire
from app.gateway.routes import Route
from app.gateway.service import Service
from app.gateway.vocabulary import Vocabulary
from tests.app.gateway.conftest import ScriptedUpstream
from tests.app.gateway.sockets import BODY, WELL, Server, ask, connect, crowd, head, is_well, until
from tests.app.gateway.test_http import CHAT, COMPLETIONS
from workloads.serving import entrance, haproxy
from workloads.serving.address import free_port
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request
from workloads.serving.entrance import entrance_environment
from workloads.serving.spec import ServingSpec

WRITE = """
import asyncio, sys
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions

async def write(folder, port, *gateways):
    options = HTTPOptions(host="127.0.0.1", port=int(port))
    config = HAProxyConfig(is_head=True, has_received_routes=True, has_received_servers=True, http_options=options)
    servers = [ServerConfig(name=f"g{each}", host="127.0.0.1", port=int(each)) for each in gateways]
    gateway = BackendConfig(name="gateway", path_prefix="/", app_name="gateway", servers=servers)
    HAProxyApi(config, {"gateway": gateway}, f"{folder}/cfg")._generate_config_file_internal()

asyncio.run(write(*sys.argv[1:]))
"""
LONG = json.dumps({"model": "tiny", "prompt": "甲", "stream": True, "max_tokens": 100}).encode()
SLOW_STREAM = head(COMPLETIONS, "Connection: close", length=len(LONG)) + LONG


@dataclass
class Gateway:
    """One bare gateway on its socket."""

    upstream: ScriptedUpstream
    server: Server


class Front:
    """HAProxy, and anew after a change of gateways as Serve does it."""

    def __init__(self, folder: Path, gateways: list[Gateway]) -> None:
        self.port = free_port()
        self._variables = entrance_environment(ServingSpec())
        ports = map(str, (self.port, *(each.server.port for each in gateways)))
        written = [sys.executable, "-c", WRITE, str(folder), *ports]
        subprocess.run(written, env=os.environ | self._variables, check=True, timeout=120, stderr=subprocess.DEVNULL)
        self._file, self._running = folder / "cfg", list[subprocess.Popen[bytes]]()
        self.start()

    def start(self) -> None:
        """Take over from whoever runs, who finishes its answers."""
        command = [self._variables["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(self._file)]
        if self._running:
            socket = self._variables["RAY_SERVE_HAPROXY_SOCKET_PATH"]
            command += ["-sf", str(self._running[-1].pid), "-x", socket]
        self._running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def first_is_gone(self) -> bool:
        return self._running[0].poll() is not None

    def end(self) -> None:
        for each in self._running:
            each.terminate()
            each.wait(30)


def as_serve_does(app: ASGIApp) -> ASGIApp:
    """Serve's replicas answer HAProxy's question for their health by themselves."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        well = scope["type"] == "http" and scope["path"] == "/-/healthz"
        await (PlainTextResponse("success") if well else app)(scope, receive, send)

    return answer


def gateway(card: ModelCard) -> Gateway:
    vocabulary = Vocabulary(card.tokenizer)
    short, each = (vocabulary.encode(text, special=False) for text in ("一座。", "一"))

    def script(request: Request) -> list[Chunk | Exception]:
        many = [Chunk(each)] * 20_000 if request.max_new_tokens == 100 else [Chunk(short)]
        return [*many, Chunk(finish="stop")]

    upstream = ScriptedUpstream(card, script)
    service = Service(upstream, request_seconds=60)
    service.models.set_table({"tiny": (Route("7", "model-7"),)})
    return Gateway(upstream, Server(as_serve_does(create_app(service))))


@pytest.fixture(scope="module")
def gateways(card: ModelCard) -> Iterator[list[Gateway]]:
    both = [gateway(card), gateway(card)]
    yield both
    for each in both:
        each.server.end()


@pytest.fixture(scope="module")
def front(gateways: list[Gateway], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    if not haproxy.program():
        pytest.skip("HAProxy is not installed")
    folder = tmp_path_factory.mktemp("front")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entrance, "private_folder", lambda: folder)
        running = Front(folder / "haproxy", gateways)
    yield running
    running.end()


def last_answer(port: int, sent: bytes) -> tuple[int, bytes]:
    """Status and all that follows of the last answer on a connection that the entrance closes."""
    with connect(port) as connection:
        connection.sendall(sent)
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    last = told.split(b"HTTP/1.1 ")[-1]
    return int(last[:3]), last


def test_clients_that_misuse_their_connection(front: Front, gateways: list[Gateway], monkeypatch: pytest.MonkeyPatch) -> None:
    long = head(CHAT, "X-One: " + "a" * 20_000) + BODY
    status, answer = ask(front.port, long)
    assert (status, answer["error"]["code"]) == (431, "headers_too_large")
    assert ask(front.port, head(length=1 << 40))[0] == 413
    no_http = [
        head(CHAT, *(f"X-{number}: a" for number in range(150))) + BODY,
        head(CHAT, *(f"X-{number}: a" for number in range(20_000))) + BODY,
        head(CHAT, "X-One: " + "a" * (1 << 20)) + BODY,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)) + b"\r\n\r\n",
        WELL + b"\x00\x01\x02 nonsense\r\n\r\n",
        head(CHAT, "Content-Length: 7") + BODY,
    ]
    for sent in no_http:
        try:
            status, _ = last_answer(front.port, sent)
        except ConnectionError:
            continue  # closed while more was being sent
        assert status == 400
        is_well(front.port)
    monkeypatch.setattr(wire, "PAUSE_SECONDS", 0.2)
    assert ask(front.port, head() + BODY[:-1])[0] == 408
    with crowd(front.port, head()[:-2]), crowd(front.port, b""):
        is_well(front.port)
    assert all(each.upstream.closed == len(each.upstream.asked) for each in gateways)


def test_pipelined_requests_are_answered_in_their_order(front: Front) -> None:
    with connect(front.port) as connection:
        connection.sendall(WELL + head("/v1/nothing") + BODY + WELL)
        told = b""
        while told.count(b"HTTP/1.1 ") < 3 or not told.endswith(b"}"):
            told += connection.recv(65536)
    assert [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_a_client_that_leaves_ends_its_generation(front: Front, gateways: list[Gateway]) -> None:
    connection = connect(front.port)
    connection.sendall(SLOW_STREAM)
    assert connection.recv(1024)
    assert any(len(each.upstream.asked) > each.upstream.closed for each in gateways)
    connection.close()
    until(lambda: sum(len(each.upstream.asked) - each.upstream.closed for each in gateways) == 0)


def test_a_stream_outlives_a_change_of_gateways(front: Front) -> None:
    with connect(front.port) as connection:
        connection.sendall(SLOW_STREAM)
        began = connection.recv(1024)
        front.start()
        is_well(front.port)
        assert not front.first_is_gone
        told = began + b"".join(iter(lambda: connection.recv(1 << 20), b""))
    assert told.count("一".encode()) == 20_000
    assert b"data: [DONE]" in told[-50:]
    until(lambda: front.first_is_gone)


def test_no_request_fails_after_a_gateway_is_gone_and_without_any_it_is_503(front: Front, gateways: list[Gateway]) -> None:
    gateways[0].server.end()
    for _ in range(30):
        is_well(front.port)
    gateways[1].server.end()
    status, answer = ask(front.port, WELL)
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert set(answer["error"]) == {"message", "type", "param", "code"}
