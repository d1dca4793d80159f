"""The name under which a decoder of Transformers takes and gives its key/value cache: `cache` from 5.24 on, before it
`past_key_values`, which newer ones still take but warn of."""

import inspect
from typing import Any


def cache_name(model: Any) -> str:
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
