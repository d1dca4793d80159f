"""The body of /v1/responses, and what it says in the words of a chat."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from app.gateway.body import FIRST_FAULT, MOST_ITEMS, Body, ModelName
from app.gateway.grammar import JsonSchema, JsonSchemaFormat, PlainFormat, RegexFormat
from app.gateway.schema import MAX_LOGPROBS, ChatBody, ChatMessage, TextPart
from app.gateway.tools import Function, MadeCall, NamedFunction, NamedTool, Tool, ToolCall
from cluster.errors import RequestError

_LOGPROBS = "message.output_text.logprobs"


class SaidMessage(Body):
    """A message; an assistant's own ones may be sent back as they came."""

    type: Literal["message"] = "message"
    role: str = Field(min_length=1, max_length=32)
    content: str | Annotated[list[TextPart], FIRST_FAULT, MOST_ITEMS]


class SaidCall(Body):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class SaidResult(Body):
    """What a call gave."""

    type: Literal["function_call_output"]
    call_id: str
    output: str


class FlatTool(Function):
    type: Literal["function"]


class FlatChoice(NamedFunction):
    type: Literal["function"]


class FlatSchemaFormat(JsonSchema):
    type: Literal["json_schema"]


class TextOptions(Body):
    format: Annotated[PlainFormat | FlatSchemaFormat | RegexFormat, Field(discriminator="type")] | None = None


class ResponsesBody(Body):
    model: ModelName
    input: str | Annotated[list[SaidMessage | SaidCall | SaidResult], FIRST_FAULT, MOST_ITEMS, Field(min_length=1)]
    instructions: str | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    stream: bool | None = False
    text: TextOptions | None = None
    tools: Annotated[list[FlatTool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | FlatChoice | None = None
    parallel_tool_calls: bool | None = True
    include: Annotated[list[str], FIRST_FAULT, Field(max_length=64)] | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    metadata: Annotated[dict[str, str], Field(max_length=64)] | None = None
    user: str | None = None

    refused: ClassVar[Mapping[str, tuple[object, ...]]] = {
        "previous_response_id": (),
        "conversation": (),
        "background": (False,),
        "truncation": ("disabled",),
        "reasoning": ({},),
        "prompt": (),
        "max_tool_calls": (),
    }
    accepted = frozenset({"store", "service_tier", "safety_identifier", "prompt_cache_key", "stream_options"})

    @property
    def wants_scores(self) -> bool:
        return _LOGPROBS in (self.include or ())

    def as_chat(self) -> ChatBody:
        """The same as a chat. Raises RequestError for parts that are not text."""
        for wanted in self.include or ():
            if wanted != _LOGPROBS:
                raise RequestError(f"include names {wanted[:64]!r}", f"{_LOGPROBS} is there", "leave it out", param="include")
        return ChatBody(
            model=self.model,
            messages=self._messages(),
            temperature=self.temperature,
            top_p=self.top_p,
            max_completion_tokens=self.max_output_tokens,
            stream=self.stream,
            response_format=self._format(),
            tools=[_tool(each) for each in self.tools] if self.tools else None,
            tool_choice=_choice(self.tool_choice),
            parallel_tool_calls=self.parallel_tool_calls,
            logprobs=self.wants_scores,
            top_logprobs=self.top_logprobs if self.wants_scores else None,
            user=self.user,
        )

    def _messages(self) -> list[ChatMessage]:
        found = [ChatMessage(role="system", content=self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return [*found, ChatMessage(role="user", content=self.input)]
        for item in self.input:
            item.check()
            if isinstance(item, SaidMessage):
                found.append(ChatMessage(role=item.role, content=_text(item.content)))
            elif isinstance(item, SaidResult):
                found.append(ChatMessage(role="tool", content=item.output, tool_call_id=item.call_id))
            else:
                before = found.pop() if found and found[-1].role == "assistant" else ChatMessage(role="assistant")
                call = ToolCall(id=item.call_id, function=MadeCall(name=item.name, arguments=item.arguments))
                found.append(before.model_copy(update={"tool_calls": [*(before.tool_calls or ()), call]}))
        return found

    def _format(self) -> PlainFormat | JsonSchemaFormat | RegexFormat | None:
        wanted = self.text.format if self.text else None
        if not isinstance(wanted, FlatSchemaFormat):
            return wanted
        return JsonSchemaFormat(type="json_schema", json_schema=JsonSchema(name=wanted.name, schema=wanted.schema_))


def _text(content: str | list[TextPart]) -> str:
    if isinstance(content, str):
        return content
    for part in content:
        if part.type not in ("input_text", "output_text", "text") or part.text is None:
            raise RequestError(f"a part of type {part.type[:64]!r}", "text parts", "send text", param="input")
    return "".join(part.text or "" for part in content)


def _tool(given: FlatTool) -> Tool:
    fields: dict[str, JsonValue] = given.model_dump(include={"name", "description", "parameters", "strict"})
    return Tool(type="function", function=Function.model_validate(fields))


def _choice(
    given: Literal["none", "auto", "required"] | FlatChoice | None,
) -> Literal["none", "auto", "required"] | NamedTool | None:
    if not isinstance(given, FlatChoice):
        return given
    return NamedTool(type="function", function=NamedFunction(name=given.name))
