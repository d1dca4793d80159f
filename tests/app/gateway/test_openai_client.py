"""The official openai client on the application: responses, tools and streams with usage, in its own types."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from app.gateway.vocabulary import Vocabulary
from tests.app.gateway.conftest import Endpoint
from tests.workloads.serving.tiny_model import TOOLS_TEMPLATE
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Chunk, Request

CALL = '<tool_call>{"name": "weather", "arguments": {"city": "南京"}}</tool_call>'
PARAMETERS: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}}
FLAT: Any = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}
NESTED: Any = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
Talk = Callable[[openai.AsyncOpenAI], Awaitable[None]]


@pytest.fixture
def talk(endpoint: Endpoint, card: ModelCard) -> Callable[[Talk], None]:
    """Runs a conversation with a model that calls a tool when it is asked about the weather, and tells what it heard of it."""
    vocabulary = Vocabulary(card.tokenizer)

    def script(request: Request) -> list[Chunk | Exception]:
        asked = vocabulary.decode(request.token_ids)
        said = "南京晴。" if "果：" in asked else CALL if "天气" in asked else "一座。"
        tokens = vocabulary.encode(said, special=False)
        return [*(Chunk((token,)) for token in tokens), Chunk(finish="stop")]

    endpoint.upstream.script = script
    able = replace(card.capabilities, max_context=2000)
    endpoint.upstream.card_ = replace(card, chat_template=TOOLS_TEMPLATE, capabilities=able)

    def run(conversation: Talk) -> None:
        async def within() -> None:
            transport = httpx.AsyncClient(transport=httpx.ASGITransport(endpoint.app))
            async with openai.AsyncOpenAI(base_url="http://gateway/v1", api_key="none", http_client=transport) as client:
                await conversation(client)

        asyncio.run(within())

    return run


def test_a_response_calls_a_tool_and_goes_on_from_its_result(talk: Callable[[Talk], None]) -> None:
    async def conversation(client: openai.AsyncOpenAI) -> None:
        said: list[Any] = [{"role": "user", "content": "南京天气？"}]
        first = await client.responses.create(model="tiny", input=said, tools=[FLAT], temperature=0)
        (call,) = [item for item in first.output if item.type == "function_call"]
        assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "南京"})
        heard = {"type": "function_call_output", "call_id": call.call_id, "output": "晴"}
        second = await client.responses.create(model="tiny", input=[*said, call, heard], tools=[FLAT])
        assert second.output_text == "南京晴。"

    talk(conversation)


def test_a_streamed_response_ends_in_the_whole_one_with_usage(talk: Callable[[Talk], None]) -> None:
    async def conversation(client: openai.AsyncOpenAI) -> None:
        whole = await client.responses.create(model="tiny", input="几座桥？", temperature=0)
        async with client.responses.stream(model="tiny", input="几座桥？", temperature=0) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"
        assert final.output_text == whole.output_text == "一座。"
        assert whole.usage is not None
        assert final.usage is not None
        assert whole.usage.input_tokens_details.cached_tokens == 0
        assert final.usage.input_tokens_details.cached_tokens == final.usage.input_tokens == whole.usage.input_tokens
        assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens

    talk(conversation)


def test_a_streamed_response_calls_a_tool(talk: Callable[[Talk], None]) -> None:
    async def conversation(client: openai.AsyncOpenAI) -> None:
        async with client.responses.stream(model="tiny", input="天气？", tools=[FLAT]) as stream:
            told = "".join([event.delta async for event in stream if event.type == "response.function_call_arguments.delta"])
            final = await stream.get_final_response()
        (call,) = final.output
        assert call.type == "function_call"
        assert json.loads(told) == json.loads(call.arguments) == {"city": "南京"}

    talk(conversation)


def test_a_chat_calls_a_tool_whole_and_streamed_with_usage(talk: Callable[[Talk], None]) -> None:
    async def conversation(client: openai.AsyncOpenAI) -> None:
        ask: Any = {"model": "tiny", "messages": [{"role": "user", "content": "天气？"}], "tools": [NESTED], "temperature": 0}
        whole = await client.chat.completions.create(**ask)
        (called,) = whole.choices[0].message.tool_calls or []
        assert called.type == "function"
        assert whole.choices[0].finish_reason == "tool_calls"
        async with client.chat.completions.stream(**ask, stream_options={"include_usage": True}) as stream:
            final = await stream.get_final_completion()
        (again,) = final.choices[0].message.tool_calls or []
        assert again.type == "function"
        assert json.loads(again.function.arguments) == json.loads(called.function.arguments) == {"city": "南京"}
        assert whole.usage is not None
        assert final.usage is not None
        assert final.usage.total_tokens == whole.usage.total_tokens
        details = whole.usage.prompt_tokens_details, final.usage.prompt_tokens_details
        assert [each.cached_tokens if each else None for each in details] == [0, whole.usage.prompt_tokens]

    talk(conversation)


def test_a_streamed_completion_ends_in_usage(talk: Callable[[Talk], None]) -> None:
    async def conversation(client: openai.AsyncOpenAI) -> None:
        ask: Any = {"model": "tiny", "prompt": "桥", "max_tokens": 8, "stream": True, "stream_options": {"include_usage": True}}
        events = [event async for event in await client.completions.create(**ask)]
        assert "".join(event.choices[0].text for event in events if event.choices) == "一座。"
        assert events[-1].usage is not None
        assert events[-1].usage.completion_tokens > 0
        assert [event.usage for event in events[:-1]] == [None] * (len(events) - 1)

    talk(conversation)
