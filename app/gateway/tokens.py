"""Text to tokens, tokens to text, and how likely a text is: /v1/tokenize, /v1/detokenize, /v1/score."""

import asyncio
import time
import uuid
from contextlib import aclosing

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.gateway.answer import Echo, ScoredToken
from app.gateway.body import Body, ModelName
from app.gateway.described import Detokenized, Scores, Tokenized, answers
from app.gateway.inputs import Input, TokenId, batch_of, input_usage, tokens_of
from app.gateway.job import render
from app.gateway.models import Served
from app.gateway.schema import MAX_LOGPROBS, ChatMessage
from app.gateway.service import REVISION_HEADER, Service
from app.gateway.shapes import Json, completion_scores
from cluster.errors import HanlinError, RequestError, UnavailableError
from cluster.observe.logs import context_fact
from workloads.serving.engine.base import Chunk, Request, Sampling


class TokenizeBody(Body):
    """`prompt` (or vLLM's `messages`) to token ids."""

    model: ModelName
    prompt: str | None = None
    messages: list[ChatMessage] | None = None
    add_special_tokens: bool = True


class DetokenizeBody(Body):
    model: ModelName
    tokens: list[TokenId]


class ScoreBody(Body):
    """`input`: the texts; `top_logprobs`: how many other tokens to tell at every place."""

    model: ModelName
    input: Input
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    user: str | None = None


def add_tokens(app: FastAPI, service: Service) -> None:
    @app.post("/v1/tokenize", responses=answers(Tokenized))
    async def tokenize(body: TokenizeBody) -> Response:
        body.check()
        served = await service.models.find(body.model)
        tokens = await _tokenized(body, served)
        data = {
            "count": len(tokens),
            "max_model_len": served.card.capabilities.max_context,
            "tokens": list(tokens),
            "token_strs": [served.vocabulary.token_bytes(token).decode("utf-8", "replace") for token in tokens],
        }
        return service.counted("tokenize", JSONResponse(data, headers={REVISION_HEADER: served.revision}))

    @app.post("/v1/detokenize", responses=answers(Detokenized))
    async def detokenize(body: DetokenizeBody) -> Response:
        body.check()
        served = await service.models.find(body.model)
        tokens = await tokens_of(body.tokens, served, "tokens")
        data = {"prompt": served.vocabulary.decode(tokens)}
        return service.counted("detokenize", JSONResponse(data, headers={REVISION_HEADER: served.revision}))

    @app.post("/v1/score", responses=answers(Scores))
    async def score(body: ScoreBody) -> Response:
        """Natural-log probability of every token of a text given those before it, and their sum; the first has none."""
        body.check()
        served = await service.models.find(body.model)
        batch = await batch_of(body.input, served)
        scored = await asyncio.gather(*(_score(service, served, each, body.top_logprobs) for each in batch))
        data = {
            "object": "list",
            "model": body.model,
            "data": [_entry(index, scores) for index, scores in enumerate(scored)],
            "usage": input_usage(batch),
        }
        return service.counted("score", JSONResponse(data, headers={REVISION_HEADER: served.revision}))


async def _tokenized(body: TokenizeBody, served: Served) -> tuple[int, ...]:
    if body.messages is not None and body.prompt is None:
        return await served.encode_prompt(render(body.messages, served))
    if body.prompt is not None and body.messages is None:
        return await served.encode(body.prompt, special=body.add_special_tokens)
    raise RequestError("neither prompt nor messages, or both", "one of them", "send one", param="prompt")


async def _score(service: Service, served: Served, tokens: tuple[int, ...], top: int | None) -> tuple[ScoredToken, ...]:
    request = Request(
        id=f"score-{uuid.uuid4().hex}",
        token_ids=tokens,
        max_new_tokens=0,
        sampling=Sampling(prompt_logprobs=top or 0),
        deadline=time.time() + service.request_seconds,
        origin=context_fact("request_id"),
        traceparent=context_fact("traceparent"),
    )
    whole = Chunk()
    async with aclosing(service.upstream.generate(served.app, request, 0.0)) as chunks:
        async for chunk in chunks:
            whole = whole.then(chunk)
    if whole.finish == "error":
        raise HanlinError(f"a text could not be scored ({whole.error})", "", "look at the replica's log")
    if len(whole.prompt_scores) != len(tokens) - 1:
        raise UnavailableError("the text was not scored in time", "", "send fewer texts or try again")
    return Echo("", tokens, scored=True).piece(served.vocabulary, whole.prompt_scores).scores


def _entry(index: int, scores: tuple[ScoredToken, ...]) -> Json:
    total = sum(score.logprob for score in scores if score.logprob is not None)
    return {"object": "score", "index": index, "logprob": total} | (completion_scores(scores) or {})
