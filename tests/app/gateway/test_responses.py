"""/v1/responses: text in and out, the events of a stream, calls of tools, and what it refuses."""

import json
from dataclasses import replace
from typing import Annotated, Any

import httpx
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import Field, TypeAdapter

from app.gateway.vocabulary import Vocabulary
from cluster.errors import UnavailableError
from tests.app.gateway.conftest import Endpoint
from tests.app.gateway.test_http import spelled
from tests.workloads.serving.tiny_model import TOOLS_TEMPLATE
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Grammar, TokenScore

PATH = "/v1/responses"
EVENT: TypeAdapter[Any] = TypeAdapter(Annotated[ResponseStreamEvent, Field(discriminator="type")])
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
CALL = '<tool_call>{"name": "weather", "arguments": {"a": 1}}</tool_call>'


def events(response: httpx.Response) -> list[Any]:
    """Checked against OpenAI's own types; names and numbers too."""
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        EVENT.validate_python(event)
        found.append(event)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def prompt(endpoint: Endpoint, card: ModelCard) -> str:
    return Vocabulary(card.tokenizer).decode(endpoint.upstream.asked[-1].token_ids)


@pytest.fixture
def with_tools(endpoint: Endpoint, card: ModelCard) -> None:
    capabilities = replace(card.capabilities, max_context=2000)
    endpoint.upstream.card_ = replace(card, chat_template=TOOLS_TEMPLATE, capabilities=capabilities)


def test_a_whole_answer(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, "一座。", "stop")
    response = endpoint.post(PATH, input="几座桥？", instructions="答", temperature=0, max_output_tokens=9, metadata={"a": "b"})
    answer = Response.model_validate(response.json())
    assert answer.status == "completed"
    assert answer.output_text == "一座。"
    assert answer.metadata == {"a": "b"}
    assert answer.usage is not None
    assert answer.usage.output_tokens == len(Vocabulary(card.tokenizer).encode("一座。", special=False))
    assert prompt(endpoint, card) == "答\n问：几座桥？\n答："
    assert response.headers["x-hanlin-cache"] == "miss"
    again = endpoint.post(PATH, input="几座桥？", instructions="答", temperature=0, max_output_tokens=9)
    assert again.headers["x-hanlin-cache"] == "hit"
    assert Response.model_validate(again.json()).output_text == "一座。"
    used, used_again = (each.json()["usage"] for each in (response, again))
    assert used["input_tokens_details"]["cached_tokens"] == 0
    assert used_again["input_tokens_details"]["cached_tokens"] == used["input_tokens"]
    assert endpoint.upstream.asked[0].max_new_tokens == 9
    assert response.headers["x-hanlin-revision"] == "7"


def test_an_answer_that_was_cut_is_incomplete(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, "一座", "length")
    answer = Response.model_validate(endpoint.post(PATH, input="几座？").json())
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert events(endpoint.post(PATH, input="几座？", stream=True))[-1]["type"] == "response.incomplete"


def test_the_events_of_a_stream(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, "一座。", "stop")
    found = events(endpoint.post(PATH, input="几座？", stream=True))
    kinds = list(dict.fromkeys(event["type"].removeprefix("response.") for event in found))
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(event["delta"] for event in found if event["type"] == "response.output_text.delta") == "一座。"
    done = found[-1]["response"]
    assert done["output"][0]["content"][0]["text"] == "一座。"
    assert done["id"] == found[0]["response"]["id"]


def test_an_earlier_conversation_is_sent_back(endpoint: Endpoint, card: ModelCard, with_tools: None) -> None:
    said = [
        {"role": "user", "content": [{"type": "input_text", "text": "天气？"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "我查。", "annotations": []}]},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c", "output": "晴"},
    ]
    assert endpoint.post(PATH, input=said).status_code == 200
    assert prompt(endpoint, card) == f"问：天气？\n答：我查。{CALL}果：晴\n答："


def test_a_call_of_a_tool(endpoint: Endpoint, card: ModelCard, with_tools: None) -> None:
    endpoint.upstream.script = spelled(card, f"查。{CALL}", "stop")
    answer = Response.model_validate(endpoint.post(PATH, input="天气？", tools=[TOOL]).json())
    assert [item.type for item in answer.output] == ["message", "function_call"]
    found = events(endpoint.post(PATH, input="天气？", tools=[TOOL], stream=True))
    deltas = [event["delta"] for event in found if event["type"] == "response.function_call_arguments.delta"]
    assert "".join(deltas) == '{"a": 1}'
    call = found[-1]["response"]["output"][1]
    assert (call["name"], call["arguments"], call["status"]) == ("weather", '{"a": 1}', "completed")


def test_a_chosen_tool_is_a_grammar(endpoint: Endpoint, with_tools: None) -> None:
    endpoint.post(PATH, input="天气？", tools=[TOOL], tool_choice={"type": "function", "name": "weather"})
    grammar = endpoint.upstream.asked[-1].grammar
    assert grammar is not None
    assert '"const": "weather"' in grammar.text


def test_a_format_is_a_grammar(endpoint: Endpoint) -> None:
    wanted = {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}
    answer = endpoint.post(PATH, input="几座？", text=wanted).json()
    assert answer["text"]["format"]["schema"] == {"type": "object"}
    assert endpoint.upstream.asked[-1].grammar == Grammar("json_schema", '{"type": "object"}')


def test_logprobs_where_they_are_included(endpoint: Endpoint, card: ModelCard) -> None:
    (token,) = Vocabulary(card.tokenizer).encode("a", special=False)
    score = TokenScore(token, -0.5, ((token, -0.5),))
    endpoint.upstream.script = lambda request: [Chunk((token,), (score,)), Chunk(finish="stop")]
    options = {"input": "几座？", "include": ["message.output_text.logprobs"], "top_logprobs": 1}
    (told,) = endpoint.post(PATH, **options).json()["output"][0]["content"][0]["logprobs"]
    assert (told["token"], told["logprob"]) == ("a", -0.5)
    assert events(endpoint.post(PATH, stream=True, **options))[4]["logprobs"] == [told]


def test_a_stream_that_breaks_says_so(endpoint: Endpoint, card: ModelCard) -> None:
    tokens = Vocabulary(card.tokenizer).encode("一座", special=False)
    endpoint.upstream.script = lambda request: [Chunk(tokens), UnavailableError("the replica is gone")]
    last = events(endpoint.post(PATH, input="几座？", stream=True))[-1]
    assert (last["type"], last["code"], last["message"]) == ("error", "unavailable", "the replica is gone")
    assert endpoint.post(PATH, input="几座？").status_code == 503


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input"),
        ({"input": [{"role": "nobody", "content": "a"}]}, "input"),
        ({"input": "桥" * 200}, "input"),
        ({"input": "a", "max_output_tokens": 127}, "max_output_tokens"),
        ({"input": "a", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "a", "background": True}, "background"),
        ({"input": "a", "include": ["file_search_call.results"]}, "include"),
        ({"input": "a", "tools": [{"type": "web_search"}]}, "tools"),
        ({"input": "a", "tools": [TOOL]}, "tools"),
        ({"input": "a", "text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": 1}}}}, "text"),
    ],
)
def test_what_it_refuses_names_its_field(endpoint: Endpoint, body: dict[str, Any], param: str) -> None:
    response = endpoint.post(PATH, **body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
