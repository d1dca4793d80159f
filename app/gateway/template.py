"""Chat messages to a prompt, by the model's own template (Jinja, in a sandbox), as Hugging Face tokenizers do it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, Undefined
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cluster.errors import RequestError

Message = Mapping[str, str]


class ChatTemplate:
    """A compiled chat template. `special_tokens` are its variables such as `eos_token`."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], undefined=Undefined
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
        self._template = environment.from_string(source) if source else None
        self._special_tokens = dict(special_tokens)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, open for the assistant's answer. Raises RequestError for messages that the template refuses."""
        if self._template is None:
            raise RequestError("this model has no chat template", "", "use /v1/completions", param="messages")
        try:
            return self._template.render(messages=list(messages), add_generation_prompt=True, **self._special_tokens)
        except TemplateError as error:
            raise RequestError(
                f"the model's chat template refused the messages ({error})", "", "change the messages", param="messages"
            ) from error


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
