"""Tools that a model may call: how clients describe them, what the chat template shows of them, and how a call is forced.

Not for reading calls out of an answer (calls.py).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
from pydantic import Field, JsonValue

from app.gateway.body import Body
from app.gateway.calls import BEGIN, CallReader
from app.gateway.grammar import MAX_DEPTH, schema_grammar, shallow
from app.gateway.template import ChatTemplate
from cluster.errors import RequestError
from workloads.serving.engine.base import Grammar

if TYPE_CHECKING:
    from app.gateway.schema import ChatBody

FunctionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Function(Body):
    name: FunctionName
    description: str | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: bool | None = None


class Tool(Body):
    type: Literal["function"]
    function: Function


class NamedFunction(Body):
    name: FunctionName


class NamedTool(Body):
    """The choice of one tool."""

    type: Literal["function"]
    function: NamedFunction


class MadeCall(Body):
    """The function and arguments (JSON as text) of a call that the assistant made."""

    name: str
    arguments: str


class ToolCall(Body):
    id: str
    type: Literal["function"] = "function"
    function: MadeCall

    def for_template(self) -> dict[str, JsonValue]:
        return {"id": self.id, "type": self.type, "function": {"name": self.function.name, "arguments": self._arguments()}}

    def _arguments(self) -> JsonValue:
        """As an object, which templates expect; as text where they are none."""
        try:
            arguments: JsonValue = orjson.loads(self.function.arguments)
        except orjson.JSONDecodeError:
            return self.function.arguments
        return arguments if shallow(arguments) else self.function.arguments


@dataclass(frozen=True)
class ToolPlan:
    """What tools mean for one request. `shown` goes into the chat template; with a `grammar` the answer is one call, whose
    opening mark `opening` is already part of the prompt; `named`: the client chose the tool; `single`: one call at most."""

    shown: tuple[JsonValue, ...]
    grammar: Grammar | None
    named: bool
    single: bool

    @property
    def opening(self) -> str:
        return f"{BEGIN}\n" if self.grammar else ""

    def reader(self) -> CallReader:
        """For one answer."""
        return CallReader(inside=self.grammar is not None, single=self.single, named=self.named)


def plan_tools(body: "ChatBody", template: ChatTemplate) -> ToolPlan | None:
    """None where the model may call none. Raises RequestError for a template without tools, an unknown tool, and tools
    together with a format of the answer."""
    choice = body.tool_choice or "auto"
    if not body.tools:
        if choice not in ("none", "auto"):
            raise RequestError("tool_choice without tools", "", "send tools too", param="tool_choice")
        return None
    if choice == "none":
        return None
    if not template.calls_tools:
        raise RequestError(
            "tools",
            f"this model's chat template shows no tools and marks no calls with {BEGIN}",
            "leave tools out",
            param="tools",
        )
    if body.response_format is not None and body.response_format.type != "text":
        raise RequestError("tools and response_format", "one of them", "leave one out", param="response_format")
    shown = tuple(tool.model_dump(exclude_none=True) for tool in body.tools)
    if not shallow(list(shown)):
        raise RequestError("deep tools", f"at most {MAX_DEPTH} levels", "use $defs and $ref", param="tools")
    if choice == "auto":
        return ToolPlan(shown, None, False, body.parallel_tool_calls is False)
    named = choice.function.name if isinstance(choice, NamedTool) else ""
    return ToolPlan(shown, _one_call([tool.function for tool in body.tools], named), bool(named), True)


def _one_call(functions: list[Function], named: str) -> Grammar:
    """A call of the named function, or of any."""
    wanted = [function for function in functions if function.name == named or not named]
    if not wanted:
        allowed = ", ".join(function.name for function in functions)
        raise RequestError(f"tool_choice names {named}", f"the tools are {allowed}", "choose one of them", param="tool_choice")
    calls: list[JsonValue] = [_call_schema(function) for function in wanted]
    return schema_grammar({"anyOf": calls}, "tools")


def _call_schema(function: Function) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": {"name": {"const": function.name}, "arguments": function.parameters or {"type": "object"}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
