"""The requests that clients send, in OpenAI's shapes. Wrong types are refused, naming the field.

What would change the answer but is not done here (penalties, ...) is refused. Not for tools (tools.py) and formats of
answers (grammar.py).
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from app.gateway.body import FIRST_FAULT, MOST_ITEMS, Body, ModelName
from app.gateway.grammar import ResponseFormat
from app.gateway.inputs import Input, each_of
from app.gateway.tools import NamedTool, Tool, ToolCall
from cluster.errors import RequestError

MAX_LOGPROBS = 20
Stop = Annotated[str, Field(min_length=1, max_length=256)]


class StreamOptions(Body):
    include_usage: bool | None = False


class SamplingBody(Body):
    """What chat and completions share. None: the model's own default."""

    model: ModelName
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int | None = Field(1, ge=1, le=128)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None

    refused: ClassVar[Mapping[str, tuple[object, ...]]] = {
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "repetition_penalty": (1,),
        "logit_bias": ({},),
        "functions": ([],),
        "function_call": ("none", "auto"),
        "modalities": (["text"],),
        "audio": (),
        "prediction": (),
        "web_search_options": (),
        "suffix": ("",),
        "best_of": (1,),
    }
    accepted = frozenset({"metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"})

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
    content: str | Annotated[list[TextPart], FIRST_FAULT, MOST_ITEMS] | None = None
    name: str | None = None
    tool_calls: Annotated[list[ToolCall], FIRST_FAULT, Field(max_length=128)] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The message as one text. Raises RequestError for parts that are not text."""
        if isinstance(self.content, str) or self.content is None:
            return self.content or ""
        for part in self.content:
            if part.type != "text" or part.text is None:
                raise RequestError(f"a message part of type {part.type!r}", "text parts", "send text", param="messages")
        return "".join(part.text or "" for part in self.content)

    def for_template(self) -> dict[str, JsonValue]:
        """As chat templates expect it: a call's arguments are an object where they are one."""
        role = "system" if self.role == "developer" else self.role
        said: dict[str, JsonValue] = {"role": role, "content": self.text}
        if self.tool_calls:
            said["tool_calls"] = [call.for_template() for call in self.tool_calls]
        if self.role == "tool":
            said |= {"name": self.name, "tool_call_id": self.tool_call_id}
        return said


class ChatBody(SamplingBody):
    messages: Annotated[list[ChatMessage], FIRST_FAULT, MOST_ITEMS] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = True


class CompletionBody(SamplingBody):
    prompt: Input
    max_tokens: int | None = Field(16, ge=0)
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    echo: bool | None = False

    refused: ClassVar[Mapping[str, tuple[object, ...]]] = {
        **SamplingBody.refused,
        "tools": ([],),
        "tool_choice": ("none", "auto"),
    }

    @property
    def prompts(self) -> list[str | list[int]]:
        """One or several prompts, each text or token ids."""
        return each_of(self.prompt)
