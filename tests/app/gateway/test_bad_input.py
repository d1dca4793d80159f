"""Whatever a client sends: a status that fits, OpenAI's error body, nothing of ours in it, and the next request is answered."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.gateway.inputs import Input
from app.gateway.reading import MAX_BODY
from cluster.storage import locate
from tests.app.gateway.conftest import Endpoint
from tests.app.gateway.test_http import CHAT, COMPLETIONS, QUESTION

PATHS = [
    CHAT,
    COMPLETIONS,
    "/v1/responses",
    "/v1/embeddings",
    "/v1/fill-mask",
    "/v1/classify",
    "/v1/score",
    "/v1/tokenize",
    "/v1/detokenize",
]
FIELDS = [
    "messages",
    "prompt",
    "input",
    "tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "n",
    "stop",
    "stream",
    "stream_options",
    "max_tokens",
    "logprobs",
    "top_logprobs",
    "echo",
    "tools",
    "tool_choice",
    "response_format",
    "text",
    "instructions",
    "include",
    "metadata",
    "encoding_format",
    "user",
    "logit_bias",
]
GOOD: dict[str, Any] = {"model": "tiny", "messages": QUESTION, "prompt": "桥", "input": "桥", "tokens": [5]}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8)
    | st.just("\ud800"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
KEPT_FIELDS = ["id", "rating", "comment", "messages", "model", "input_file_id", "endpoint", "completion_window", "metadata"]
FORMAT_FIELDS = ["json_schema", "schema", "name", "regex", "strict"]
KEYWORDS = [
    "type",
    "enum",
    "const",
    "pattern",
    "allOf",
    "anyOf",
    "$ref",
    "$defs",
    "properties",
    "required",
    "items",
    "multipleOf",
]
SCHEMA = st.recursive(
    JSON | st.sampled_from(["object", "string", "#", "#/$defs/a", "(a", "(a*)*b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS + FORMAT_FIELDS), inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)
HARD_SCHEMAS: dict[str, Any] = {
    "parentheses": {"pattern": "(" * 5000 + ")" * 5000},
    "catastrophe": {"pattern": "(a*)*" * 500 + "b"},
    "repetition": {"pattern": "a{99999999}{99999999}"},
    "enum": {"enum": [f"词{number}" for number in range(5000)]},
    "mixed": {"required": [{}, *range(10_000)]},
    "names": {"patternProperties": {"(" * 2000: {}}},
    "itself": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "doubling": {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(25)}, "$ref": "#/$defs/d0"},
    "elsewhere": {"$ref": "http://127.0.0.1:1/schema"},
    "dialect": {"$schema": "http://127.0.0.1:1/dialect"},
    "numbers": {"multipleOf": 1e-300, "minimum": 10**18, "maxLength": 10**18},
}
EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sound(response: httpx.Response) -> None:
    """An answer, or a client's error that tells nothing of the inside."""
    assert response.status_code in (200, 400, 404, 413), response.text
    if response.status_code != 200:
        error = json.loads(response.content)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert "\n" not in error["message"]
        assert not any(word in error["message"] for word in ("Traceback", "site-packages", ".py", "object at 0x"))


def send(endpoint: Endpoint, path: str, content: bytes) -> httpx.Response:
    return endpoint.request("POST", path, content=content, headers={"content-type": "application/json"})


@EXAMPLES
@given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=3))
def test_fields_of_any_type(endpoint: Endpoint, path: str, changes: dict[str, Any]) -> None:
    sound(send(endpoint, path, json.dumps(GOOD | changes).encode()))


@EXAMPLES
@given(st.sampled_from(PATHS), st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_bodies_of_any_bytes(endpoint: Endpoint, path: str, content: bytes) -> None:
    response = send(endpoint, path, content)
    sound(response)
    assert response.status_code != 200


@EXAMPLES
@given(st.sampled_from(PATHS), st.data())
def test_bodies_that_were_damaged(endpoint: Endpoint, path: str, data: st.DataObject) -> None:
    whole = json.dumps(GOOD, ensure_ascii=False).encode()
    place = data.draw(st.integers(0, len(whole) - 1))
    sound(send(endpoint, path, whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + 1 :]))


HEADERS = [b"authorization", b"x-hanlin-timeout", b"x-hanlin-conversation", b"cache-control", b"x-request-id", b"traceparent"]


@EXAMPLES
@given(st.lists(st.tuples(st.sampled_from(HEADERS), st.binary(max_size=40)), max_size=4))
def test_headers_of_any_bytes(endpoint: Endpoint, headers: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps({"model": "tiny", "messages": QUESTION}).encode()
    sent = [(b"content-type", b"application/json"), *headers]
    sound(endpoint.request("POST", CHAT, content=body, headers=sent))


@EXAMPLES
@given(st.sampled_from(["/v1/feedback", "/v1/batches"]), st.dictionaries(st.sampled_from(KEPT_FIELDS), JSON, max_size=4))
def test_feedback_and_batches_of_any_kind(endpoint: Endpoint, tmp_path: Any, path: str, fields: dict[str, Any]) -> None:
    endpoint.keep = locate(str(tmp_path))
    given_ = {"id": "a", "rating": 1, "input_file_id": "file-a", "endpoint": CHAT, "completion_window": "24h"}
    sound(send(endpoint, path, json.dumps(given_ | fields).encode()))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", ["messages", "input", "prompt", "tools", "logit_bias"])
@pytest.mark.parametrize("depth", [200, 1020, 100_000])
def test_deep_nesting(endpoint: Endpoint, path: str, field: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    sound(send(endpoint, path, f'{{"model": "tiny", "prompt": "a", "tokens": [5], "{field}": {deep}}}'.encode()))


@pytest.mark.parametrize("depth", [5, 50, 120, 500])
def test_a_deep_schema_and_deep_tools(endpoint: Endpoint, depth: int) -> None:
    deep: str = '{"type": "object", "properties": {"a": ' * depth + "{}" + "}}" * depth
    wanted = f'{{"type": "json_schema", "json_schema": {{"name": "a", "schema": {deep}}}}}'
    sound(send(endpoint, COMPLETIONS, f'{{"model": "tiny", "prompt": "a", "response_format": {wanted}}}'.encode()))
    tool = f'{{"type": "function", "function": {{"name": "a", "parameters": {deep}}}}}'
    body = f'{{"model": "tiny", "messages": [{{"role": "user", "content": "a"}}], "tools": [{tool}]}}'
    sound(send(endpoint, CHAT, body.encode()))


@pytest.mark.parametrize("wanted", HARD_SCHEMAS.values(), ids=HARD_SCHEMAS)
def test_a_schema_that_is_hard_to_read(endpoint: Endpoint, wanted: Any) -> None:
    chosen = {"type": "json_schema", "json_schema": {"name": "a", "schema": wanted}}
    sound(endpoint.post(COMPLETIONS, prompt="a", response_format=chosen))
    sound(endpoint.post("/v1/responses", input="a", text={"format": {"type": "json_schema", "name": "a", "schema": wanted}}))


@EXAMPLES
@given(st.sampled_from(["json_schema", "regex", "json_object", "xml"]), st.dictionaries(st.sampled_from(FORMAT_FIELDS), SCHEMA))
def test_formats_of_any_kind(endpoint: Endpoint, kind: str, fields: dict[str, Any]) -> None:
    sound(send(endpoint, COMPLETIONS, json.dumps(GOOD | {"response_format": {"type": kind} | fields}).encode()))


@pytest.mark.parametrize("path", PATHS)
def test_numbers_beyond_measure(endpoint: Endpoint, path: str) -> None:
    for number in ("1e999", "-1e999", "NaN", "9" * 5000, "1" + "0" * 400, "-0", "1e-999"):
        for field in ("temperature", "seed", "max_tokens", "top_logprobs", "tokens", "input"):
            sound(send(endpoint, path, f'{{"model": "tiny", "prompt": "a", "messages": [], "{field}": {number}}}'.encode()))


@pytest.mark.parametrize("path", PATHS)
def test_a_huge_text_is_refused_as_too_long(endpoint: Endpoint, path: str) -> None:
    text = "桥" * 300_000
    field = {CHAT: "messages", COMPLETIONS: "prompt", "/v1/tokenize": "prompt", "/v1/detokenize": "tokens"}.get(path, "input")
    said: Any = {"messages": [{"role": "user", "content": text}], "tokens": [5] * 300_000}.get(field, text)
    response = endpoint.post(path, **{field: said})
    sound(response)
    if path != "/v1/fill-mask":  # this model has no mask
        assert response.json()["error"]["code"] == "context_length_exceeded"


MANY = 300_000
MESSAGE = {"role": "user", "content": ""}


@pytest.mark.parametrize(
    ("path", "field", "items"),
    [
        (CHAT, "messages", [MESSAGE] * MANY),
        (CHAT, "messages", [MESSAGE | {"content": [{"type": "text", "text": ""}] * MANY}]),
        (CHAT, "messages", [{"role": 5}] * MANY),
        (CHAT, "messages", [{"role": "assistant", "tool_calls": [{}] * MANY}]),
        (COMPLETIONS, "prompt", [5] * MANY + ["x"]),
        (COMPLETIONS, "prompt", ["x"] * MANY),
        (COMPLETIONS, "prompt", [[5]] * MANY),
        ("/v1/embeddings", "input", ["x"] * MANY + [5]),
        ("/v1/responses", "input", [MESSAGE] * MANY),
        ("/v1/responses", "metadata", {str(number): "" for number in range(MANY)}),
        ("/v1/tokenize", "messages", [MESSAGE] * MANY),
        ("/v1/detokenize", "tokens", [5] * MANY + ["x"]),
    ],
)
def test_many_small_items_are_refused_before_they_are_all_read(endpoint: Endpoint, path: str, field: str, items: Any) -> None:
    """Each of these held up all other requests for seconds, or would have filled the memory with an error for each item."""
    response = endpoint.post(path, **{"input": "a"} | {field: items})
    sound(response)
    assert (response.status_code, response.json()["error"]["param"]) == (400, field)
    assert len(response.content) < 1000


def test_a_list_ends_at_its_first_wrong_item() -> None:
    for wrong in ([5] * 1000 + ["x"], ["x"] * 1000 + [5], [[5]] * 1000 + ["x"]):
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(Input).validate_python(wrong, strict=True)
        assert caught.value.error_count() <= 4


def test_a_long_conversation_is_written_beside_the_event_loop(endpoint: Endpoint) -> None:
    response = endpoint.post(CHAT, messages=[{"role": "user", "content": "a"}] * 1000)
    assert response.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("path", [*PATHS, "/v1/feedback", "/v1/batches"])
def test_a_body_beyond_the_limit_is_413(endpoint: Endpoint, path: str, tmp_path: Any) -> None:
    endpoint.keep = locate(str(tmp_path))
    response = send(endpoint, path, b" " * (MAX_BODY + 1))
    assert response.status_code == 413
    sound(response)


def test_a_body_that_never_says_how_long_it_is_ends_at_the_limit(endpoint: Endpoint) -> None:
    sent = 0

    async def blocks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1 << 20
            yield b" " * (1 << 20)

    response = endpoint.request("POST", CHAT, content=blocks(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    sound(response)
    assert sent <= MAX_BODY + (2 << 20)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "", "application/json; charset=gbk"])
def test_content_of_another_type(endpoint: Endpoint, kind: str) -> None:
    body = json.dumps({"model": "tiny", "messages": QUESTION}).encode()
    sound(endpoint.request("POST", CHAT, content=body, headers={"content-type": kind} if kind else {}))


def test_model_names_of_any_kind(endpoint: Endpoint) -> None:
    for name in ("", "@7", "tiny@9", "../tiny", "tiny\x00", "\ud800", "x" * 100_000, "😀"):
        response = send(endpoint, CHAT, json.dumps({"model": name, "messages": QUESTION}).encode())
        sound(response)
        assert response.status_code in (400, 404)
        assert len(response.content) < 2000
