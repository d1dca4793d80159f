"""A dataclass back from the JSON that `dataclasses.asdict` gave: nested dataclasses, tuples of them and mappings to them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def rebuild(kind: type[T], values: Mapping[str, Any]) -> T:
    """Fields that are not there take their defaults."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name in values]  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], values[name]) for name in names})


def _value(kind: Any, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(value, Mapping):
        return rebuild(kind, value)  # type: ignore[arg-type]
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_value(get_args(kind)[0], each) for each in value)
    if isinstance(value, Mapping) and get_args(kind):
        return {key: _value(get_args(kind)[1], each) for key, each in value.items()}
    return value
