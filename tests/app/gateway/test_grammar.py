"""response_format becomes the engine's grammar; a schema that is none is refused here."""

import json
from typing import Any

import pytest

from tests.app.gateway.conftest import Endpoint
from tests.app.gateway.test_http import CHAT, COMPLETIONS, QUESTION
from workloads.serving.engine.base import Grammar

SCHEMA = {"type": "object", "properties": {"桥": {"type": "integer"}}, "required": ["桥"]}


@pytest.mark.parametrize(
    ("wanted", "grammar"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, Grammar("json_object")),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
            Grammar("json_schema", json.dumps(SCHEMA, ensure_ascii=False)),
        ),
        ({"type": "regex", "regex": "[0-9]+座"}, Grammar("regex", "[0-9]+座")),
    ],
)
def test_a_format_is_a_grammar(endpoint: Endpoint, wanted: Any, grammar: Grammar | None) -> None:
    assert endpoint.post(CHAT, messages=QUESTION, n=2, response_format=wanted).status_code == 200
    assert endpoint.post(COMPLETIONS, prompt="桥", response_format=wanted).status_code == 200
    assert [request.grammar for request in endpoint.upstream.asked] == [grammar] * 3


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"type": "xml"}, "does not match any of the expected tags"),
        ({"type": "json_schema"}, "lacks json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, "lacks schema"),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": 5}}}, "a JSON schema that is none"),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": "桥" * 30_000}}}, "at most 64 KiB"),
        ({"type": "regex", "regex": ""}, "at least 1 character"),
    ],
)
def test_a_wrong_format_is_refused(endpoint: Endpoint, wanted: Any, says: str) -> None:
    response = endpoint.post(CHAT, messages=QUESTION, response_format=wanted)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "response_format"
    assert says in response.json()["error"]["message"]
