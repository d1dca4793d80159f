"""What a gateway must know of a served model, read from its folder: the tokenizer, the chat template, how answers end.

The replica reads it and the gateway asks for it, so that a gateway on another machine needs no access to the store.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import UserError
from workloads.serving.engine.base import Capabilities


@dataclass(frozen=True)
class ModelCard:
    """`tokenizer` is the content of tokenizer.json; `stop_token_ids` and `stop_strings` end every answer; `special_tokens`
    maps template variables such as `eos_token` to their text; the last three are how it samples unless asked otherwise."""

    revision: str
    fingerprint: str
    created: int
    capabilities: Capabilities
    tokenizer: bytes
    chat_template: str
    special_tokens: dict[str, str]
    stop_token_ids: tuple[int, ...]
    stop_strings: tuple[str, ...]
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


def read_card(folder: Path, revision: str, fingerprint: str, created: int, capabilities: Capabilities) -> ModelCard:
    """Read the card of a Hugging Face model folder. Raises UserError where it has no tokenizer."""
    try:
        tokenizer = (folder / "tokenizer.json").read_bytes()
    except OSError as error:
        raise UserError(
            f"{folder} has no tokenizer.json ({error})", "a model folder with its tokenizer", "export it again"
        ) from error
    settings = _json(folder / "tokenizer_config.json")
    generation = _json(folder / "config.json") | _json(folder / "generation_config.json")
    return ModelCard(
        revision=revision,
        fingerprint=fingerprint,
        created=created,
        capabilities=capabilities,
        tokenizer=tokenizer,
        chat_template=_template(folder, settings),
        special_tokens=_special_tokens(settings),
        stop_token_ids=_as_tuple(generation.get("eos_token_id")),
        stop_strings=_as_tuple(generation.get("stop_strings")),
        temperature=float(generation.get("temperature") or 1.0),
        top_p=float(generation.get("top_p") or 1.0),
        top_k=int(generation.get("top_k") or 0),
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _template(folder: Path, settings: dict[str, Any]) -> str:
    """The template's own file comes before the one in tokenizer_config.json; several named ones: the default."""
    file = folder / "chat_template.jinja"
    if file.exists():
        return file.read_text(encoding="utf-8")
    found = settings.get("chat_template") or ""
    if isinstance(found, list):
        found = next((each["template"] for each in found if each.get("name") == "default"), "")
    return str(found)


def _special_tokens(settings: dict[str, Any]) -> dict[str, str]:
    tokens = {key: value for key, value in settings.items() if key.endswith("_token") and value}
    return {key: str(value["content"] if isinstance(value, dict) else value) for key, value in tokens.items()}


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)
