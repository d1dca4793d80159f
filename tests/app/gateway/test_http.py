"""The endpoint over a scripted upstream: shapes, stops, echo, errors, broken streams."""

import json
from typing import Any

import httpx
import pytest

from app.gateway.vocabulary import Vocabulary
from cluster.errors import OverloadedError, UnavailableError
from tests.app.gateway.conftest import Endpoint, Script
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, TokenScore

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
QUESTION = [{"role": "user", "content": "镇上有几座桥？"}]


def spelled(card: ModelCard, text: str, finish: str = "length", each: int = 1) -> Script:
    """The text's tokens, `each` per chunk."""
    tokens = Vocabulary(card.tokenizer).encode(text, special=False)
    chunks = [Chunk(tokens[i : i + each]) for i in range(0, len(tokens), each)]
    return lambda request: [*chunks, Chunk(finish=finish)]  # type: ignore[arg-type]


def events(response: httpx.Response) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [line[6:] if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


def streamed_text(found: list[Any]) -> str:
    choices = [choice for event in found[:-1] for choice in event["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def test_a_chat_answer(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, "一座老桥。", "stop")
    response = endpoint.post(CHAT, messages=QUESTION, seed=3, temperature=0.5, top_p=0.9, max_tokens=50)
    body = response.json()
    assert response.headers["x-hanlin-revision"] == "7"
    assert body["object"] == "chat.completion"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "一座老桥。", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    asked = endpoint.upstream.asked[0]
    assert Vocabulary(card.tokenizer).decode(asked.token_ids) == "问：镇上有几座桥？\n答："
    assert (asked.sampling.seed, asked.sampling.temperature, asked.sampling.top_p) == (3, 0.5, 0.9)
    assert asked.max_new_tokens == 50
    assert asked.stop_token_ids == {0}
    tokens = len(Vocabulary(card.tokenizer).encode("一座老桥。", special=False))
    assert body["usage"] == {
        "prompt_tokens": len(asked.token_ids),
        "completion_tokens": tokens,
        "total_tokens": len(asked.token_ids) + tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def test_a_stream_gives_the_same_text_in_whole_characters(endpoint: Endpoint, card: ModelCard) -> None:
    text = "好👩‍🌾的🎉！"
    endpoint.upstream.script = spelled(card, text)
    found = events(endpoint.post(CHAT, messages=QUESTION, stream=True, stream_options={"include_usage": True}))
    assert found[-1] == "[DONE]"
    assert streamed_text(found) == text
    assert "�" not in json.dumps(found, ensure_ascii=False)
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert found[-3]["choices"][0]["finish_reason"] == "length"
    assert found[-2]["choices"] == []
    assert all(event["usage"] is None for event in found[:-2])
    assert all("usage" not in event for event in events(endpoint.post(CHAT, messages=QUESTION, stream=True))[:-1])
    assert found[-2]["usage"]["completion_tokens"] == len(Vocabulary(card.tokenizer).encode(text, special=False))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("each", [1, 2, 50])
def test_a_stop_string_ends_the_answer_and_is_never_shown(endpoint: Endpoint, card: ModelCard, stream: bool, each: int) -> None:
    """The model's own stop string and the client's, across tokens, however many come at once."""
    endpoint.upstream.script = spelled(card, "一座。\n问：还有呢？", each=each)
    assert _text(endpoint.post(CHAT, messages=QUESTION, stream=stream)) == ("一座。", "stop")
    endpoint.upstream.script = spelled(card, "一座老桥。", each=each)
    assert _text(endpoint.post(CHAT, messages=QUESTION, stream=stream, stop=["桥", "江"])) == ("一座老", "stop")
    assert _text(endpoint.post(CHAT, messages=QUESTION, stream=stream, stop="江")) == ("一座老桥。", "length")
    assert endpoint.upstream.closed == 3


def test_tokens_after_a_stop_string_are_neither_counted_nor_scored(endpoint: Endpoint, card: ModelCard) -> None:
    tokens = Vocabulary(card.tokenizer).encode("ab。cd", special=False)
    scores = tuple(TokenScore(token, -1.0, ((token, -1.0),)) for token in tokens)
    endpoint.upstream.script = lambda request: [Chunk(tokens, scores), Chunk(finish="length")]
    body = endpoint.post(CHAT, messages=QUESTION, stop="。", logprobs=True, top_logprobs=1).json()
    assert body["choices"][0]["message"]["content"] == "ab"
    assert [entry["token"] for entry in body["choices"][0]["logprobs"]["content"]] == ["a", "b"]
    assert body["usage"]["completion_tokens"] < len(tokens)


def _text(response: httpx.Response) -> tuple[str, str]:
    if not response.headers["content-type"].startswith("text/event-stream"):
        choice = response.json()["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]
    found = events(response)
    return streamed_text(found), found[-2]["choices"][0]["finish_reason"]


def test_several_choices_and_prompts_have_their_own_index_and_seed(endpoint: Endpoint, card: ModelCard) -> None:
    vocabulary = Vocabulary(card.tokenizer)

    def script(request: Request) -> list[Chunk | Exception]:
        text = f"{vocabulary.decode(request.token_ids)}{request.sampling.seed}"
        return [Chunk(vocabulary.encode(text, special=False), finish="length")]

    endpoint.upstream.script = script
    body = endpoint.post(COMPLETIONS, prompt=["甲", "乙"], n=2, seed=5).json()
    assert [(choice["index"], choice["text"]) for choice in body["choices"]] == [(0, "甲5"), (1, "甲6"), (2, "乙5"), (3, "乙6")]
    found = events(endpoint.post(COMPLETIONS, prompt=["甲", "乙"], n=2, seed=5, stream=True))
    assert sorted((c["index"], c["text"]) for e in found[:-1] for c in e["choices"]) == [
        (0, "甲5"),
        (1, "甲6"),
        (2, "乙5"),
        (3, "乙6"),
    ]


def test_echo_with_logprobs_scores_the_prompt(endpoint: Endpoint, card: ModelCard) -> None:
    vocabulary = Vocabulary(card.tokenizer)
    prompt = vocabulary.encode("ab", special=False)
    new = vocabulary.encode("c", special=False)[0]
    scores = tuple(TokenScore(token, -0.5, ((token, -0.5), (new, -2.0))) for token in prompt[1:])
    last = TokenScore(new, -0.25, ((new, -0.25),))
    endpoint.upstream.script = lambda request: [Chunk((new,), (last,), scores, "length")]
    body = endpoint.post(COMPLETIONS, prompt="ab", echo=True, logprobs=2, max_tokens=1).json()
    choice = body["choices"][0]
    assert choice["text"] == "abc"
    assert choice["logprobs"] == {
        "tokens": ["a", "b", "c"],
        "token_logprobs": [None, -0.5, -0.25],
        "top_logprobs": [None, {"b": -0.5, "c": -2.0}, {"c": -0.25}],
        "text_offset": [0, 1, 2],
    }
    assert endpoint.upstream.asked[0].sampling.prompt_logprobs == 2
    endpoint.upstream.script = lambda request: [Chunk(prompt_scores=scores, finish="length")]
    only = endpoint.post(COMPLETIONS, prompt=list(prompt), echo=True, logprobs=0, max_tokens=0).json()
    assert only["choices"][0]["text"] == "ab"
    assert only["choices"][0]["logprobs"]["token_logprobs"] == [None, -0.5]


def test_a_stream_that_breaks_ends_in_an_error_event(endpoint: Endpoint, card: ModelCard) -> None:
    def script(request: Request) -> list[Chunk | Exception]:
        return [Chunk(Vocabulary(card.tokenizer).encode("一座", special=False)), UnavailableError("the replica is gone")]

    endpoint.upstream.script = script
    found = events(endpoint.post(CHAT, messages=QUESTION, stream=True))
    assert streamed_text(found) == "一座"
    assert found[-1]["error"] == {
        "message": "the replica is gone",
        "type": "server_error",
        "param": None,
        "code": "unavailable",
    }
    assert "[DONE]" not in found
    whole = endpoint.post(CHAT, messages=QUESTION)
    assert whole.status_code == 503


@pytest.mark.parametrize("finish", ["error", "deadline", "drained", "cancelled"])
def test_an_engine_that_gives_up_is_an_error_and_no_short_answer(endpoint: Endpoint, card: ModelCard, finish: str) -> None:
    endpoint.upstream.script = spelled(card, "一", finish)
    response = endpoint.post(CHAT, messages=QUESTION)
    assert response.status_code == (500 if finish == "error" else 503)
    found = events(endpoint.post(CHAT, messages=QUESTION, stream=True))
    assert "error" in found[-1]


@pytest.mark.parametrize(("error", "status"), [(UnavailableError("no replica"), 503), (OverloadedError("too many"), 429)])
@pytest.mark.parametrize("stream", [False, True])
def test_before_the_first_text_an_error_has_its_own_status(
    endpoint: Endpoint, error: Exception, status: int, stream: bool
) -> None:
    endpoint.upstream.script = lambda request: [error]
    response = endpoint.post(CHAT, messages=QUESTION, stream=stream)
    assert response.status_code == status
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("path", "body", "param", "says"),
    [
        (CHAT, {"messages": "hi"}, "messages", "should be a valid list"),
        (CHAT, {"messages": []}, "messages", "at least 1 item"),
        (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages", "should be a valid string"),
        (CHAT, {}, "messages", "is missing"),
        (CHAT, {"messages": QUESTION, "temperature": "hot"}, "temperature", "should be a valid number"),
        (CHAT, {"messages": QUESTION, "temperature": -1}, "temperature", "greater than or equal to 0"),
        (CHAT, {"messages": QUESTION, "top_p": 0}, "top_p", "greater than 0"),
        (CHAT, {"messages": QUESTION, "max_tokens": "5"}, "max_tokens", "should be a valid integer"),
        (CHAT, {"messages": QUESTION, "n": 0}, "n", "greater than or equal to 1"),
        (CHAT, {"messages": QUESTION, "stop": [1]}, "stop", "should be a valid string"),
        (CHAT, {"messages": QUESTION, "stream": "yes"}, "stream", "should be a valid boolean"),
        (CHAT, {"messages": QUESTION, "tools": [{}]}, "tools", "lacks type"),
        (CHAT, {"messages": QUESTION, "presence_penalty": 1}, "presence_penalty", "not supported"),
        (CHAT, {"messages": QUESTION, "top_logprobs": 2}, "top_logprobs", "logprobs: true"),
        (CHAT, {"messages": [{"role": "tool", "content": ""}]}, "messages", "roles are system"),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages", "text parts"),
        (COMPLETIONS, {"prompt": 5}, "prompt", "should be a valid string"),
        (COMPLETIONS, {"prompt": ""}, "prompt", "at least one token"),
        (COMPLETIONS, {"prompt": [3, 320]}, "prompt", "ids from 0 to 319"),
        (COMPLETIONS, {"prompt": "a", "logprobs": 99}, "logprobs", "less than or equal to 20"),
        (COMPLETIONS, {"prompt": "a", "max_tokens": 0}, "max_tokens", "at least 1"),
        (COMPLETIONS, {"prompt": ["a"] * 100, "n": 3}, "n", "at most 256"),
        ("/v1/tokenize", {}, "prompt", "send one"),
    ],
)
def test_a_wrong_request_names_its_field(endpoint: Endpoint, path: str, body: dict[str, Any], param: str, says: str) -> None:
    response = endpoint.post(path, **body)
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert says in error["message"]
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    "body", [{"messages": [{"role": "user", "content": "桥" * 200}]}, {"messages": QUESTION, "max_tokens": 127}]
)
def test_more_than_the_context_is_refused_with_its_code(endpoint: Endpoint, body: dict[str, Any]) -> None:
    response = endpoint.post(CHAT, **body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"
    assert "context holds 128" in response.json()["error"]["message"]


def test_without_max_tokens_an_answer_may_fill_the_context(endpoint: Endpoint) -> None:
    endpoint.post(CHAT, messages=QUESTION)
    asked = endpoint.upstream.asked[0]
    assert len(asked.token_ids) + asked.max_new_tokens == 128


@pytest.mark.parametrize("content", [b"{bad", b"", b"[1]", b"\xff"])
def test_a_body_that_is_no_json_object_is_400(endpoint: Endpoint, content: bytes) -> None:
    response = endpoint.request("POST", CHAT, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert "JSON" in response.json()["error"]["message"]


def test_unknown_models_and_paths(endpoint: Endpoint) -> None:
    response = endpoint.request("POST", CHAT, json={"model": "gpt-9", "messages": QUESTION})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert endpoint.request("GET", "/v1/nothing").status_code == 404
    assert endpoint.request("GET", CHAT).status_code == 405
    assert "error" in endpoint.request("GET", CHAT).json()


def test_a_named_revision_answers_for_itself(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, "好")
    response = endpoint.request("POST", CHAT, json={"model": "tiny@8", "messages": QUESTION})
    assert response.headers["x-hanlin-revision"] == "8"
    assert response.json()["system_fingerprint"] == "8"


def test_models_tokenize_health_and_metrics(endpoint: Endpoint) -> None:
    assert [model["id"] for model in endpoint.request("GET", "/v1/models").json()["data"]] == ["tiny", "tiny@7", "tiny@8"]
    assert endpoint.request("GET", "/v1/models/tiny@8").json()["revision"] == "8"
    found = endpoint.post("/v1/tokenize", prompt="桥🎉").json()
    assert found["count"] == len(found["tokens"]) == len(found["token_strs"])
    assert endpoint.post("/v1/tokenize", messages=QUESTION).json()["count"] > 3
    assert endpoint.request("GET", "/healthz").status_code == 200
    assert endpoint.request("GET", "/readyz").status_code == 200
    endpoint.upstream.gone = True
    assert endpoint.request("GET", "/readyz").status_code == 503
    assert endpoint.request("GET", "/healthz").status_code == 200
    text = endpoint.request("GET", "/metrics").text
    assert 'hanlin_requests_total{endpoint="models",status="200"} 2.0' in text


def test_no_model_yet_is_not_ready(endpoint: Endpoint) -> None:
    endpoint.service.models.set_table({})
    assert endpoint.request("GET", "/readyz").status_code == 503
    assert endpoint.request("GET", "/v1/models").json()["data"] == []


def test_unusual_line_ends_in_an_answer_do_not_break_the_stream(endpoint: Endpoint, card: ModelCard) -> None:
    text = "甲\u2028乙\x85丙\r\n丁"
    endpoint.upstream.script = spelled(card, text, each=100)
    response = endpoint.post(CHAT, messages=QUESTION, stream=True)
    assert len([line for line in response.text.splitlines() if line]) == len(events(response))
    assert streamed_text(events(response)) == text
