"""Text to tokens and back, and the log-probabilities of given text."""

from dataclasses import replace

import pytest

from app.gateway.vocabulary import Vocabulary
from tests.app.gateway.conftest import Endpoint
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request, TokenScore


def scored(request: Request) -> list[Chunk | Exception]:
    """Every token but the first with a log-probability of minus its place."""
    scores = [TokenScore(token, -float(place), ((token, -float(place)),)) for place, token in enumerate(request.token_ids)]
    return [Chunk(prompt_scores=tuple(scores[1:]), finish="length")]


def test_tokens_are_text_again(endpoint: Endpoint) -> None:
    tokens = endpoint.post("/v1/tokenize", prompt="桥🎉 a").json()["tokens"]
    response = endpoint.post("/v1/detokenize", tokens=tokens)
    assert response.json() == {"prompt": "桥🎉 a"}
    assert response.headers["x-hanlin-revision"] == "7"
    assert endpoint.post("/v1/detokenize", tokens=[]).json() == {"prompt": ""}


@pytest.mark.parametrize(
    ("tokens", "says"), [([320], "ids from 0 to 319"), ([-1], "greater than or equal to 0"), ("a", "list")]
)
def test_tokens_that_are_none_are_refused(endpoint: Endpoint, tokens: object, says: str) -> None:
    response = endpoint.post("/v1/detokenize", tokens=tokens)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "tokens")
    assert says in response.json()["error"]["message"]


def test_more_than_the_context_holds_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.post("/v1/detokenize", tokens=[5] * 128).status_code == 200
    refused = [
        endpoint.post("/v1/detokenize", tokens=[5] * 129),
        endpoint.post("/v1/tokenize", prompt="桥" * 5000),
        endpoint.post("/v1/tokenize", messages=[{"role": "user", "content": "桥" * 5000}]),
    ]
    errors = [each.json()["error"] for each in refused]
    assert [(each["code"], each["param"]) for each in errors] == [
        ("context_length_exceeded", param) for param in ("tokens", "prompt", "messages")
    ]


def test_many_tokens_are_shown_beside_the_event_loop(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.card_ = replace(card, capabilities=replace(card.capabilities, max_context=100_000))
    body = endpoint.post("/v1/tokenize", prompt="a" * 30_000).json()
    assert (body["count"], set(body["token_strs"])) == (30_000, {"a"})


def test_the_score_of_texts(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = scored
    body = endpoint.post("/v1/score", input=["ab。", "b"], top_logprobs=1).json()
    assert body["object"] == "list"
    first, second = body["data"]
    assert first == {
        "object": "score",
        "index": 0,
        "logprob": -3.0,
        "tokens": ["a", "b", "。"],
        "token_logprobs": [None, -1.0, -2.0],
        "top_logprobs": [None, {"b": -1.0}, {"。": -2.0}],
        "text_offset": [0, 1, 2],
    }
    assert (second["index"], second["logprob"], second["token_logprobs"]) == (1, 0, [None])
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    asked = endpoint.upstream.asked[0]
    assert (asked.max_new_tokens, asked.sampling.prompt_logprobs) == (0, 1)
    assert asked.token_ids == Vocabulary(card.tokenizer).encode("ab。", special=True)


def test_tokens_are_scored_too(endpoint: Endpoint) -> None:
    endpoint.upstream.script = scored
    (entry,) = endpoint.post("/v1/score", input=[5, 6]).json()["data"]
    assert (entry["logprob"], entry["token_logprobs"]) == (-1.0, [None, -1.0])
    assert len(endpoint.post("/v1/score", input=[[5, 6], [7]]).json()["data"]) == 2


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ([], "invalid_value", "at least one token"),
        (["a"] * 257, "invalid_value", "at most 256"),
        ("", "invalid_value", "at least one token"),
        ([[]], "invalid_value", "at least one token"),
        ([999], "invalid_value", "ids from 0 to 319"),
        ("桥" * 200, "context_length_exceeded", "context holds 128"),
        (5, "invalid_value", "valid string"),
    ],
)
def test_texts_that_cannot_be_scored(endpoint: Endpoint, given: object, code: str, says: str) -> None:
    response = endpoint.post("/v1/score", input=given)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, "input")
    assert says in error["message"]


@pytest.mark.parametrize(("chunk", "status"), [(Chunk(finish="error", error="x"), 500), (Chunk(finish="deadline"), 503)])
def test_an_engine_that_gives_up_is_an_error(endpoint: Endpoint, chunk: Chunk, status: int) -> None:
    endpoint.upstream.script = lambda request: [chunk]
    assert endpoint.post("/v1/score", input="ab").status_code == status
