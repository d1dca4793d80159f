"""Chat messages to a prompt, by the model's own template (Jinja, in a sandbox), as Hugging Face tokenizers do it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, Undefined, meta
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from app.gateway.calls import BEGIN
from app.gateway.shield import Message, Prompt, Shield
from cluster.errors import RequestError


class ChatTemplate:
    """A compiled chat template. `special_tokens` are its variables such as `eos_token`; `control_tokens` the names of all
    tokens that only the template may write."""

    def __init__(self, source: str, special_tokens: Mapping[str, str], control_tokens: Sequence[str] = ()) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], undefined=Undefined
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
        self._template = environment.from_string(source) if source else None
        named = meta.find_undeclared_variables(environment.parse(source))
        self.calls_tools = "tools" in named and BEGIN in source
        """Whether it shows tools, and calls of them in the form that calls.py reads."""
        self._special_tokens = dict(special_tokens)
        self._shield = Shield([*control_tokens, *special_tokens.values()])

    def render(self, messages: Sequence[Message], tools: Sequence[JsonValue] = ()) -> Prompt:
        """The prompt, open for the assistant's answer. Raises RequestError for messages that the template refuses.

        What stands in the messages and tools stays text there: see shield.py.
        """
        if self._template is None:
            raise RequestError("this model has no chat template", "", "use /v1/completions", param="messages")
        covered, covers = self._shield.cover({"messages": [dict(each) for each in messages], "tools": list(tools) or None})
        assert isinstance(covered, dict)
        try:
            rendered = self._template.render(**covered, add_generation_prompt=True, **self._special_tokens)
        except TemplateError as error:
            reason = self._shield.uncover(str(error), covers).text
            raise RequestError(
                f"the model's chat template refused the messages ({reason})", "", "change the messages", param="messages"
            ) from error
        return self._shield.uncover(rendered, covers)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
