"""A request understood: the prompts as tokens, how to sample, when to stop. From OpenAI's bodies to engine requests."""

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass, replace

from app.gateway.grammar import grammar_of
from app.gateway.inputs import require_room, tokens_of
from app.gateway.models import Served
from app.gateway.schema import ChatBody, ChatMessage, CompletionBody, SamplingBody
from app.gateway.shield import Prompt
from app.gateway.tools import ToolPlan
from cluster.errors import ContextLengthError, RequestError
from cluster.observe.logs import context_fact
from workloads.serving.engine.base import Grammar, Request, Sampling

MAX_CHOICES = 256
"""Answers that one request may ask for, over all its prompts."""
_LONG_TEXT, _MANY_MESSAGES = 20_000, 200
"""Characters and messages from which on a prompt is written beside the event loop (about 10 ms of work)."""


@dataclass(frozen=True)
class Job:
    """What to generate for one HTTP request: `requests[i]` is the choice with index i. `echo` holds the prompts' texts to
    repeat before the answers, by prompt, where asked for."""

    served: Served
    prompts: tuple[tuple[int, ...], ...]
    requests: tuple[Request, ...]
    stops: tuple[str, ...]
    echo: tuple[str, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        return sum(map(len, self.prompts))

    def prompt_of(self, choice: int) -> int:
        """Index of the prompt that a choice answers."""
        return choice * len(self.prompts) // len(self.requests)


async def chat_job(body: ChatBody, served: Served, seconds: float, tools: ToolPlan | None = None) -> Job:
    """What the messages say stays text, also where it spells a control token such as `<|im_start|>`; only the template
    writes those. Raises RequestError for messages that the template refuses, ContextLengthError."""
    rendered = await render(body.messages, served, tools)
    require_room(rendered.text, served, "messages")
    prompt = await served.encode_prompt(rendered)
    wanted = body.max_completion_tokens or body.max_tokens
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    if body.top_logprobs and not body.logprobs:
        raise RequestError("top_logprobs without logprobs", "logprobs true", "send logprobs: true too", param="top_logprobs")
    stops = body.stops + served.card.stop_strings
    job = _job(body, served, (prompt,), _answer_tokens((prompt,), wanted, served), logprobs, stops, seconds)
    return job if tools is None or tools.grammar is None else _with_grammar(job, tools.grammar)


async def completion_job(body: CompletionBody, served: Served, seconds: float) -> Job:
    """A raw prompt is taken as it is: the name of a control token in it is that token, since who sends one has no template
    to write it for him. Do not put strangers' text into it; chat is for that. Raises RequestError for an empty prompt,
    ContextLengthError."""
    _require_few((body.n or 1) * len(body.prompts))
    prompts = tuple([await tokens_of(each, served, "prompt") for each in body.prompts])
    if not prompts or not all(prompts):
        raise RequestError("an empty prompt", "at least one token", "send some text", param="prompt")
    wanted = 16 if body.max_tokens is None else body.max_tokens
    if not wanted and not body.echo:
        raise RequestError("max_tokens is 0", "at least 1 without echo", "send max_tokens or echo", param="max_tokens")
    job = _job(body, served, prompts, _answer_tokens(prompts, wanted, served), body.logprobs, body.stops, seconds)
    if not body.echo:
        return job
    texts = tuple(
        each if isinstance(each, str) else served.vocabulary.decode(tokens)
        for each, tokens in zip(body.prompts, prompts, strict=True)
    )
    asked = tuple(replace(each, sampling=replace(each.sampling, prompt_logprobs=body.logprobs)) for each in job.requests)
    return replace(job, echo=texts, requests=asked)


async def render(messages: list[ChatMessage], served: Served, tools: ToolPlan | None = None) -> Prompt:
    """The prompt of a conversation; a long one is written beside the event loop. Raises RequestError for calls that the template
    cannot show."""
    if len(messages) <= _MANY_MESSAGES and sum(len(message.content or "") for message in messages) < _LONG_TEXT:
        return _rendered(messages, served, tools)
    return await asyncio.to_thread(_rendered, messages, served, tools)


def _rendered(messages: list[ChatMessage], served: Served, tools: ToolPlan | None) -> Prompt:
    for message in messages:
        message.check()
        if message.tool_calls and not served.template.calls_tools:
            raise RequestError("tool_calls", "this model's chat template shows none", "leave them out", param="messages")
    said = [message.for_template() for message in messages]
    if tools is None:
        return served.template.render(said)
    prompt = served.template.render(said, tools.shown)
    return replace(prompt, text=prompt.text + tools.opening)


def _require_few(answers: int) -> None:
    if answers > MAX_CHOICES:
        raise RequestError(f"{answers} answers", f"at most {MAX_CHOICES} per request", "send several", param="n")


def _with_grammar(job: Job, grammar: Grammar) -> Job:
    return replace(job, requests=tuple(replace(each, grammar=grammar) for each in job.requests))


def _job(
    body: SamplingBody,
    served: Served,
    prompts: tuple[tuple[int, ...], ...],
    new_tokens: int,
    logprobs: int | None,
    stops: tuple[str, ...],
    seconds: float,
) -> Job:
    choices = body.n or 1
    card = served.card
    seed = secrets.randbits(63) if body.seed is None else body.seed
    sampling = Sampling(
        temperature=card.temperature if body.temperature is None else body.temperature,
        top_p=card.top_p if body.top_p is None else body.top_p,
        top_k=card.top_k if body.top_k is None else body.top_k,
        logprobs=logprobs,
    )
    grammar = grammar_of(body.response_format)
    base, deadline = uuid.uuid4().hex, time.time() + seconds
    requests = tuple(
        Request(
            id=f"{base}-{index}-{choice}",
            token_ids=tokens,
            max_new_tokens=new_tokens,
            sampling=replace(sampling, seed=(seed + choice) % 2**64),
            stop_token_ids=frozenset(card.stop_token_ids),
            grammar=grammar,
            adapter=served.adapter,
            deadline=deadline,
            origin=context_fact("request_id"),
            traceparent=context_fact("traceparent"),
        )
        for index, tokens in enumerate(prompts)
        for choice in range(choices)
    )
    return Job(served, prompts, requests, stops)


def _answer_tokens(prompts: tuple[tuple[int, ...], ...], wanted: int | None, served: Served) -> int:
    """How many tokens an answer may have: what was asked for, or what the context leaves. Raises ContextLengthError."""
    longest, limit = max(map(len, prompts)), served.card.capabilities.max_context
    room = limit - longest
    if room < (wanted if wanted is not None else 1):
        asked = f" and the answer may have {wanted}" if wanted is not None and room > 0 else ""
        raise ContextLengthError(
            f"the prompt has {longest} tokens{asked}",
            f"this model's context holds {limit}, prompt and answer together",
            "shorten the prompt or lower max_tokens" if asked else "shorten the prompt",
            param="messages" if len(prompts) == 1 and not asked else "max_tokens",
        )
    return room if wanted is None else wanted
