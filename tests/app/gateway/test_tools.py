"""Tools in a chat: shown by the template, called in the answer, forced by a grammar."""

import json
from dataclasses import replace
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from app.gateway.vocabulary import Vocabulary
from tests.app.gateway.conftest import Endpoint
from tests.app.gateway.test_http import CHAT, QUESTION, events, spelled
from tests.workloads.serving.tiny_model import CHAT_TEMPLATE, TOOLS_TEMPLATE
from workloads.serving.card import ModelCard

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "天气", "parameters": CITY}},
    {"type": "function", "function": {"name": "clock"}},
]
DEEP = json.loads('{"a": ' * 60 + "1" + "}" * 60)
CALL = '{"name": "weather", "arguments": {"city": "青石镇"}}'


@pytest.fixture(autouse=True)
def model_with_tools(endpoint: Endpoint, card: ModelCard) -> None:
    assert TOOLS_TEMPLATE != CHAT_TEMPLATE
    capabilities = replace(card.capabilities, max_context=2000)
    endpoint.upstream.card_ = replace(card, chat_template=TOOLS_TEMPLATE, capabilities=capabilities)


def prompt(endpoint: Endpoint, card: ModelCard) -> str:
    return Vocabulary(card.tokenizer).decode(endpoint.upstream.asked[-1].token_ids)


def test_the_template_shows_tools_calls_and_results(endpoint: Endpoint, card: ModelCard) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "青石镇"}'}}
    conversation = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "晴"},
    ]
    assert endpoint.post(CHAT, messages=conversation, tools=TOOLS).status_code == 200
    shown = prompt(endpoint, card)
    assert shown.startswith(json.dumps(TOOLS[0], ensure_ascii=False))
    assert f"<tool_call>{CALL}</tool_call>" in shown
    assert shown.endswith("果：晴\n答：")


@pytest.mark.parametrize("arguments", ["", "no JSON", '{"a": "\\ud800"}', "NaN", "[" * 1000 + "]" * 1000, "[" * 99_999])
def test_arguments_that_are_no_object_are_shown_as_text(endpoint: Endpoint, card: ModelCard, arguments: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    response = endpoint.post(CHAT, messages=[*QUESTION, {"role": "assistant", "tool_calls": [call]}])
    assert response.status_code == (400 if len(arguments) > 1000 else 200)
    if response.status_code == 200:
        assert json.dumps({"arguments": arguments}, ensure_ascii=False)[1:-1] in prompt(endpoint, card)


def test_what_stands_in_tools_stays_text(endpoint: Endpoint, card: ModelCard) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "<|im_end|>", "parameters": {"<|im_end|>": 1}}}
    endpoint.post(CHAT, messages=QUESTION, tools=[tool])
    assert 2 not in endpoint.upstream.asked[-1].token_ids
    assert prompt(endpoint, card).count("<|im_end|>") == 2


def test_a_call_in_the_answer(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, f"我查。<tool_call>{CALL}</tool_call>", "stop")
    body = endpoint.post(CHAT, messages=QUESTION, tools=TOOLS).json()
    ChatCompletion.model_validate(body, strict=True)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "我查。"
    (call,) = choice["message"]["tool_calls"]
    assert call["id"].startswith("call_")
    assert call["function"] == {"name": "weather", "arguments": '{"city": "青石镇"}'}


def test_a_call_in_a_stream(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, f"<tool_call>{CALL}</tool_call>", "stop")
    found = events(endpoint.post(CHAT, messages=QUESTION, tools=TOOLS, stream=True))[:-1]
    for event in found:
        ChatCompletionChunk.model_validate(event, strict=True)
    deltas = [call for event in found for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert deltas[0]["function"]["name"] == "weather"
    assert [delta.get("type") for delta in deltas] == ["function"] + [None] * (len(deltas) - 1)
    assert json.loads("".join(delta["function"]["arguments"] for delta in deltas)) == {"city": "青石镇"}
    assert len(deltas) > 3
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_without_a_call_the_answer_is_text(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, "不用查。", "stop")
    choice = endpoint.post(CHAT, messages=QUESTION, tools=TOOLS).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("不用查。", "stop")
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize(
    ("choice", "names", "finish"),
    [
        ("required", ["weather", "clock"], "tool_calls"),
        ({"type": "function", "function": {"name": "weather"}}, ["weather"], "stop"),
    ],
)
def test_a_forced_call_is_a_grammar(endpoint: Endpoint, card: ModelCard, choice: Any, names: list[str], finish: str) -> None:
    endpoint.upstream.script = spelled(card, CALL, "stop")
    answer = endpoint.post(CHAT, messages=QUESTION, tools=TOOLS, tool_choice=choice).json()["choices"][0]
    assert [call["function"]["name"] for call in answer["message"]["tool_calls"]] == ["weather"]
    assert answer["finish_reason"] == finish
    asked = endpoint.upstream.asked[-1]
    assert prompt(endpoint, card).endswith("答：<tool_call>\n")
    assert asked.grammar is not None
    schemas = json.loads(asked.grammar.text)["anyOf"]
    assert [schema["properties"]["name"]["const"] for schema in schemas] == names
    assert schemas[0]["properties"]["arguments"] == CITY


def test_no_tools_where_none_are_wanted(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.script = spelled(card, f"<tool_call>{CALL}</tool_call>", "stop")
    choice = endpoint.post(CHAT, messages=QUESTION, tools=TOOLS, tool_choice="none").json()["choices"][0]
    assert choice["message"]["content"] == f"<tool_call>{CALL}</tool_call>"
    assert prompt(endpoint, card) == "问：镇上有几座桥？\n答："


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"tool_choice": "required"}, "tool_choice", "send tools too"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice", "weather, clock"),
        ({"tools": TOOLS, "response_format": {"type": "json_object"}}, "response_format", "one of them"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools", "pattern"),
        ({"tools": [{"type": "retrieval"}]}, "tools", "function"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": DEEP}}]}, "tools", "at most 32 levels"),
    ],
)
def test_wrong_tools_name_their_field(endpoint: Endpoint, body: dict[str, Any], param: str, says: str) -> None:
    response = endpoint.post(CHAT, messages=QUESTION, **body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert says in response.json()["error"]["message"]


def test_a_template_without_tools_says_so(endpoint: Endpoint, card: ModelCard) -> None:
    endpoint.upstream.card_ = card
    response = endpoint.post(CHAT, messages=QUESTION, tools=TOOLS)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "tools"
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [*QUESTION, {"role": "assistant", "tool_calls": [call]}]
    assert endpoint.post(CHAT, messages=said).json()["error"]["param"] == "messages"
