"""What an answer must look like (`response_format`), checked and handed on as the engine's grammar.

Not for keeping an answer to it: that is the engine's, which refuses what it cannot do.
"""

import json
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from app.gateway.body import Body
from cluster.errors import RequestError
from workloads.serving.engine.base import Grammar

_SCHEMA_BYTES = 64 << 10
"""Largest schema, as JSON; a compiled one takes some hundred times as much memory."""
MAX_DEPTH = 32
"""Deepest nesting of a schema's objects and lists; who checks, shows and compiles one does so by recursion."""


class PlainFormat(Body):
    """Any text, or any JSON object."""

    type: Literal["text", "json_object"]


class JsonSchema(Body):
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    schema_: dict[str, JsonValue] = Field(alias="schema")
    strict: bool | None = None


class JsonSchemaFormat(Body):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class RegexFormat(Body):
    """Not one of OpenAI's: the whole answer matches `regex`."""

    type: Literal["regex"]
    regex: str = Field(min_length=1, max_length=4096)


ResponseFormat = Annotated[PlainFormat | JsonSchemaFormat | RegexFormat, Field(discriminator="type")]


def grammar_of(wanted: ResponseFormat | None) -> Grammar | None:
    """None where any text will do. Raises RequestError for a schema that is none or too large."""
    if wanted is None or (isinstance(wanted, PlainFormat) and wanted.type == "text"):
        return None
    if isinstance(wanted, JsonSchemaFormat):
        return schema_grammar(wanted.json_schema.schema_, "response_format")
    return Grammar("regex", wanted.regex) if isinstance(wanted, RegexFormat) else Grammar("json_object")


def schema_grammar(schema: dict[str, JsonValue], param: str) -> Grammar:
    """The grammar of a JSON schema. Raises RequestError for one that is none or too large."""
    if not shallow(schema):
        raise RequestError("a deep JSON schema", f"at most {MAX_DEPTH} levels", "use $defs and $ref", param=param)
    text = json.dumps(schema, ensure_ascii=False)
    if len(text.encode()) > _SCHEMA_BYTES:
        raise RequestError("a large JSON schema", f"at most {_SCHEMA_BYTES >> 10} KiB", "make it smaller", param=param)
    from jsonschema import Draft202012Validator, SchemaError  # few requests need it

    try:
        # its patterns are the engine's to read: Python's reader of expressions recurses, and is another dialect
        Draft202012Validator.check_schema(schema, format_checker=None)
    except SchemaError as error:
        raise RequestError(
            f"a JSON schema that is none ({error.message[:200]})", "JSON Schema, draft 2020-12", "mend it", param=param
        ) from error
    return Grammar("json_schema", text)


def shallow(value: JsonValue) -> bool:
    """Whether it nests no deeper than MAX_DEPTH."""
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return True
    return False


def _inside(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
