"""Text to tokens, tokens to text, and how likely a text is: /v1/tokenize, /v1/detokenize, /v1/score."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.gateway.answer import ScoredToken
from app.gateway.body import FIRST_FAULT, MOST_ITEMS, Body, ModelName
from app.gateway.cache.note import cache_header
from app.gateway.described import Detokenized, Scores, Tokenized, answers
from app.gateway.failures import renamed
from app.gateway.inputs import Input, TokenIds, input_usage, require_room, tokens_of
from app.gateway.job import completion_job, render
from app.gateway.models import Served
from app.gateway.schema import MAX_LOGPROBS, ChatMessage, CompletionBody
from app.gateway.service import REVISION_HEADER, Service
from app.gateway.shapes import Json, completion_scores
from cluster.errors import ContextLengthError, RequestError

_FIELDS = {"prompt": "input", "messages": "input", "max_tokens": "input", "n": "input", "logprobs": "top_logprobs"}
"""A completion's name of a field -> that of a score."""
_MANY = 20_000
"""Tokens from which on an answer is written beside the event loop (about 10 ms of work)."""


class TokenizeBody(Body):
    """`prompt` (or vLLM's `messages`) to token ids."""

    model: ModelName
    prompt: str | None = None
    messages: Annotated[list[ChatMessage], FIRST_FAULT, MOST_ITEMS] | None = None
    add_special_tokens: bool = True


class DetokenizeBody(Body):
    model: ModelName
    tokens: TokenIds


class ScoreBody(Body):
    """`input`: the texts; `top_logprobs`: how many other tokens to tell at every place."""

    model: ModelName
    input: Input
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    user: str | None = None

    def as_completion(self) -> CompletionBody:
        """One that repeats its prompt and says nothing of its own."""
        told = self.top_logprobs or 0
        return CompletionBody(model=self.model, prompt=self.input, echo=True, logprobs=told, max_tokens=0, temperature=0.0)


def add_tokens(app: FastAPI, service: Service) -> None:
    @app.post("/v1/tokenize", responses=answers(Tokenized))
    async def tokenize(body: TokenizeBody) -> Response:
        body.check()
        served = await service.models.find(body.model)
        tokens = await _tokenized(body, served)
        shown = await asyncio.to_thread(_shown, tokens, served) if len(tokens) > _MANY else _shown(tokens, served)
        return service.counted("tokenize", shown)

    @app.post("/v1/detokenize", responses=answers(Detokenized))
    async def detokenize(body: DetokenizeBody) -> Response:
        body.check()
        served = await service.models.find(body.model)
        require_fewer(body.tokens, served)
        tokens = await tokens_of(body.tokens, served, "tokens")
        data = {"prompt": served.vocabulary.decode(tokens)}
        return service.counted("detokenize", JSONResponse(data, headers={REVISION_HEADER: served.revision}))

    @app.post("/v1/score", responses=answers(Scores))
    async def score(body: ScoreBody) -> Response:
        """Natural-log probability of every token of a text given those before it, and their sum; the first has none."""
        body.check()
        with renamed(_FIELDS):
            asked = body.as_completion()
            served = await service.models.find(body.model)
            job = await completion_job(asked, served, service.request_seconds)
        scores: list[list[ScoredToken]] = [[] for _ in job.requests]
        async for index, piece in service.answering("score", asked, job):
            scores[index] += piece.scores
        data = {
            "object": "list",
            "model": body.model,
            "data": [_entry(index, each) for index, each in enumerate(scores)],
            "usage": input_usage(job.prompts),
        }
        headers = {REVISION_HEADER: served.revision} | cache_header()
        return service.counted("score", JSONResponse(data, headers=headers))


def require_fewer(tokens: Sequence[int], served: Served) -> None:
    """Raises ContextLengthError for more tokens than the model ever reads."""
    if len(tokens) > (limit := served.card.capabilities.max_context):
        raise ContextLengthError(
            f"{len(tokens)} tokens", f"this model's context holds {limit}", "send them in parts", param="tokens"
        )


async def _tokenized(body: TokenizeBody, served: Served) -> tuple[int, ...]:
    if body.messages is not None and body.prompt is None:
        rendered = await render(body.messages, served)
        require_room(rendered.text, served, "messages")
        return await served.encode_prompt(rendered)
    if body.prompt is not None and body.messages is None:
        require_room(body.prompt, served, "prompt")
        return await served.encode(body.prompt, special=body.add_special_tokens)
    raise RequestError("neither prompt nor messages, or both", "one of them", "send one", param="prompt")


def _shown(tokens: tuple[int, ...], served: Served) -> JSONResponse:
    data = {
        "count": len(tokens),
        "max_model_len": served.card.capabilities.max_context,
        "tokens": list(tokens),
        "token_strs": [served.vocabulary.token_bytes(token).decode("utf-8", "replace") for token in tokens],
    }
    return JSONResponse(data, headers={REVISION_HEADER: served.revision})


def _entry(index: int, scores: list[ScoredToken]) -> Json:
    total = sum(score.logprob for score in scores if score.logprob is not None)
    return {"object": "score", "index": index, "logprob": total} | (completion_scores(scores) or {})
