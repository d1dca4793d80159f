"""/v1/responses: OpenAI's newer form of a chat, text and calls of tools in and out. Nothing is kept between requests.

Not for the JSON of answers (response_writer.py); what is generated and how is the chat's (job.py).
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from app.gateway.cache.note import cache_header, cached_tokens
from app.gateway.conversation import conversation_of
from app.gateway.described import ResponseAnswer, answers
from app.gateway.failures import renamed
from app.gateway.job import Job, chat_job
from app.gateway.response_schema import ResponsesBody
from app.gateway.response_writer import ResponseWriter
from app.gateway.service import REVISION_HEADER, Event, Service, broken
from app.gateway.shapes import Json
from app.gateway.stream import EventStream, sse
from app.gateway.tools import plan_tools

_FIELDS = {"messages": "input", "response_format": "text", "max_tokens": "max_output_tokens", "logprobs": "include"}
"""Chat's name of a field -> this endpoint's."""


def add_responses(app: FastAPI, service: Service) -> None:
    @app.post("/v1/responses", responses=answers(ResponseAnswer, streamed=True))
    async def responses(body: ResponsesBody) -> Response:
        body.check()
        with renamed(_FIELDS):
            chat = body.as_chat()
            served = await service.models.find(body.model, conversation_of(chat))
            tools = plan_tools(chat, served.template)
            job = await chat_job(chat, served, service.request_seconds, tools)
            job, events = await service.begin("responses", chat, job)
        writer = ResponseWriter(_head(body, job), job.prompt_tokens, tools.reader() if tools else None, body.wants_scores)
        headers = {REVISION_HEADER: job.served.revision}
        if not body.stream:
            async for _, piece in events:
                writer.feed(piece)
            whole = writer.response(cached_tokens(job.prompt_tokens))
            return service.counted("responses", JSONResponse(whole, headers=headers | cache_header()))
        first = await anext(events)
        streamed = EventStream(_lines(first, events, writer, job), headers | cache_header())
        return service.counted("responses", streamed)


def _head(body: ResponsesBody, job: Job) -> Json:
    """What an answer repeats of its request, as OpenAI's client expects it."""
    sampling = job.requests[0].sampling
    sent = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "created_at": int(time.time()),
        "model": body.model,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "store": False,
        "temperature": sampling.temperature,
        "text": {"format": (sent.get("text") or {}).get("format") or {"type": "text"}},
        "tool_choice": sent.get("tool_choice", "auto"),
        "tools": sent.get("tools", []),
        "top_p": sampling.top_p,
        "truncation": "disabled",
        "user": body.user,
    }


async def _lines(
    first: Event, events: AsyncGenerator[Event, None], writer: ResponseWriter, job: Job
) -> AsyncGenerator[bytes, None]:
    """Server-sent events, each with its name. What breaks the stream is told in an event of its own."""
    async with aclosing(events):
        try:
            for told in writer.start() + writer.feed(first[1]):
                yield _named(told)
            async for _, piece in events:
                for told in writer.feed(piece):
                    yield _named(told)
            yield _named(writer.end(cached_tokens(job.prompt_tokens)))
        except Exception as error:  # noqa: BLE001 - the status is sent already: the client must hear of it in the stream
            yield _named(writer.error(broken(error, job)))


def _named(told: Json) -> bytes:
    return f"event: {told['type']}\n".encode() + sse(told)
