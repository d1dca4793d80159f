"""The requests that clients send, in OpenAI's shapes. Wrong types are refused, naming the field.

What would change the answer but is not done here (tools, penalties, ...) is refused; fields that only describe the
request are accepted; anything else unknown is ignored with one warning.
"""

import logging
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from cluster.errors import RequestError

_LOG = logging.getLogger(__name__)
_warned: set[str] = set()

MAX_LOGPROBS = 20
Stop = Annotated[str, Field(min_length=1, max_length=256)]
TokenId = Annotated[int, Field(ge=0)]


class Body(BaseModel):
    """Base of every request."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    refused: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Field -> the values of it that change nothing and are therefore accepted."""
    accepted: ClassVar[frozenset[str]] = frozenset()

    def check(self) -> None:
        """Look at the fields that are not ours. Raises RequestError for those that would have changed the answer."""
        for name, value in (self.model_extra or {}).items():
            if name in self.refused:
                if value is not None and value not in self.refused[name]:
                    raise RequestError(f"{name} is not supported", "", f"take {name} out of the request", param=name)
            elif name not in self.accepted and name not in _warned and len(_warned) < 1000:
                _warned.add(name)
                _LOG.warning("request_field_ignored field=%s", name[:64])


class StreamOptions(Body):
    include_usage: bool | None = False


class SamplingBody(Body):
    """What chat and completions share. None: the model's own default."""

    model: str = Field(min_length=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int | None = Field(1, ge=1, le=128)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = None

    refused = {
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "repetition_penalty": (1,),
        "logit_bias": ({},),
        "tools": ([],),
        "functions": ([],),
        "tool_choice": ("none", "auto"),
        "function_call": ("none", "auto"),
        "response_format": ({"type": "text"},),
        "modalities": (["text"],),
        "audio": (),
        "prediction": (),
        "web_search_options": (),
        "suffix": ("",),
        "best_of": (1,),
    }
    accepted = frozenset({"metadata", "store", "service_tier", "parallel_tool_calls", "safety_identifier", "prompt_cache_key"})

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class TextPart(Body):
    type: str
    text: str | None = None


class ChatMessage(Body):
    role: str = Field(min_length=1, max_length=32)
    content: str | list[TextPart] | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """The message as one text. Raises RequestError for parts that are not text."""
        if isinstance(self.content, str) or self.content is None:
            return self.content or ""
        for part in self.content:
            if part.type != "text" or part.text is None:
                raise RequestError(f"a message part of type {part.type!r}", "text parts", "send text", param="messages")
        return "".join(part.text or "" for part in self.content)


class ChatBody(SamplingBody):
    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)


class CompletionBody(SamplingBody):
    prompt: str | list[TokenId] | list[str] | list[list[TokenId]]
    max_tokens: int | None = Field(16, ge=0)
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    echo: bool | None = False

    @property
    def prompts(self) -> list[str | list[int]]:
        """One or several prompts, each text or token ids."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if self.prompt and isinstance(self.prompt[0], int):
            return [[int(token) for token in self.prompt if isinstance(token, int)]]
        return [each for each in self.prompt if not isinstance(each, int)]


class TokenizeBody(Body):
    """`prompt` (or vLLM's `messages`) to token ids."""

    model: str = Field(min_length=1)
    prompt: str | None = None
    messages: list[ChatMessage] | None = None
    add_special_tokens: bool = True
