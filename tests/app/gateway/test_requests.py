"""Every request has an id, in the answer, the log and the engine's request; probes are not told."""

import json
from pathlib import Path

import pytest

from cluster.observe import logs
from tests.app.gateway.conftest import Endpoint

CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "镇上有几座桥？"}]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_clients_id_comes_back_and_goes_on(endpoint: Endpoint) -> None:
    headers = {"X-Request-Id": "shop-42", "traceparent": TRACE}
    response = endpoint.request("POST", CHAT, json={"model": "tiny", "messages": QUESTION}, headers=headers)
    assert response.status_code == 200
    assert response.headers.get_list("x-request-id") == ["shop-42"]
    asked = endpoint.upstream.asked[0]
    assert (asked.origin, asked.traceparent) == ("shop-42", TRACE)
    assert asked.id != "shop-42"  # the engine's ids must be unique, a client's need not


@pytest.mark.parametrize("given", ["", "a b", "x" * 200, "中文".encode().decode("latin-1"), '"; drop'])
def test_an_id_that_cannot_be_used_is_replaced(endpoint: Endpoint, given: str) -> None:
    headers = {"X-Request-Id": given.encode("latin-1")} if given else {}
    response = endpoint.request("POST", CHAT, json={"model": "tiny", "messages": QUESTION}, headers=headers)
    found = response.headers["x-request-id"]
    assert len(found) == 32
    assert endpoint.upstream.asked[0].origin == found


def test_errors_have_an_id_too(endpoint: Endpoint) -> None:
    assert endpoint.post(CHAT, model="none", messages=QUESTION).headers["x-request-id"]
    endpoint.upstream.script = lambda request: [RuntimeError("unexpected")]
    response = endpoint.request(
        "POST", CHAT, json={"model": "tiny", "messages": QUESTION}, headers={"X-Request-Id": "broken-1"}
    )
    assert response.status_code == 500
    assert response.headers.get_list("x-request-id") == ["broken-1"]


def test_a_request_is_one_line_of_log(endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.jsonl"
    monkeypatch.setenv("HANLIN_LOG", str(file))
    logs.stop()  # another test's replica may have begun to log in this process
    logs.start()
    try:
        endpoint.post(CHAT, messages=QUESTION)
        endpoint.post(CHAT, messages=QUESTION, stream=True)
        endpoint.request("GET", "/v1/models/none")
        endpoint.request("GET", "/healthz")
    finally:
        logs.stop()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    told = [(line["event"], line["path"], line["status"]) for line in lines]
    assert told == [("request", CHAT, 200), ("request", CHAT, 200), ("request", "/v1/models", 404)]
    assert len({line["request_id"] for line in lines}) == 3
