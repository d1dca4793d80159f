"""Read a recipe: YAML with line numbers, `--set` overrides, and errors that name the nearest allowed key.

Not for what the keys mean: each workload's spec says that; app/recipe.py composes them into one recipe.
"""

import contextlib
import difflib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.errors import RecipeError
from cluster.manifest import Json


class Spec(BaseModel):
    """Base of every part of a recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def to_json(self) -> dict[str, Json]:
        """The resolved values, as they enter a fingerprint and a manifest."""
        return self.model_dump(mode="json")


SpecT = TypeVar("SpecT", bound=Spec)
Path_ = tuple[str | int, ...]
_GIVEN_WITH_SET = 0  # in place of a line number
_DEEPEST = 20


@dataclass(frozen=True)
class RecipeFile:
    """A parsed recipe. `folder` is where its relative paths start; `lines` maps a key's path to its line."""

    source: str
    folder: Path
    values: Mapping[str, Json]
    lines: Mapping[Path_, int]

    def section(self, name: str, spec: type[SpecT]) -> SpecT:
        """One part of the recipe as its spec. Raises RecipeError with the line and the nearest allowed key."""
        values = self.values.get(name)
        return self._validate({} if values is None else values, spec, (name,))

    def whole(self, spec: type[SpecT]) -> SpecT:
        """The whole recipe as one spec."""
        return self._validate(dict(self.values), spec, ())

    def _validate(self, values: Json, spec: type[SpecT], above: Path_) -> SpecT:
        try:
            return spec.model_validate(values)
        except ValidationError as error:
            raise RecipeError(*self._explain(error, spec, above)) from error

    def _explain(self, error: ValidationError, spec: type[Spec], above: Path_) -> tuple[str, str, str]:
        problems = error.errors()
        unknown = [p for p in problems if p["type"] == "extra_forbidden"]
        first = (unknown or problems)[0]
        path: Path_ = above + tuple(first["loc"])
        where = self._where(path)
        dotted = ".".join(str(part) for part in path)
        more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
        if first["type"] == "extra_forbidden":
            allowed = _allowed_keys(spec, path[len(above) : -1])
            near = difflib.get_close_matches(str(path[-1]), allowed, n=1, cutoff=0.5)
            todo = f"did you mean {near[0]!r}?" if near else "take the key out"
            return f"{where}: unknown key {dotted!r}{more}", f"allowed here: {', '.join(allowed)}", todo
        if first["type"] == "missing":
            return f"{where}: {dotted!r} is missing{more}", first["msg"].lower(), "add it"
        message = first["msg"].removeprefix("Value error, ")
        return f"{where}: {dotted} = {_short(first.get('input'))} is not usable{more}", message[:1].lower() + message[1:], ""

    def _where(self, path: Path_) -> str:
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path, 1)
        return f"{self.source}, line {line}" if line != _GIVEN_WITH_SET else "given with --set"


def read_recipe(path: str, overrides: Sequence[str] = ()) -> RecipeFile:
    """Parse a YAML recipe and apply `section.key=value` overrides (values are YAML too).

    Raises RecipeError for a missing file, invalid YAML, a duplicate key or a malformed override.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecipeError(f"no recipe at {path}", "a YAML file", "write one with `hanlin init NAME`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {path} ({error})", "a UTF-8 YAML file", "check the path") from error
    values, lines = _parse(text, path)
    for override in overrides:
        _apply(override, values, lines)
    return RecipeFile(path, file.absolute().parent, values, lines)


class _Loader(yaml.SafeLoader):
    """YAML as JSON can hold it, since the recipe is saved with every artifact: dates stay text, keys are text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        return {_key(key): value for key, value in super().construct_mapping(node, deep).items()}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _key(key: object) -> str:
    return json.dumps(key) if isinstance(key, bool | int | float | None) else str(key)


def _parse(text: str, source: str) -> tuple[dict[str, Any], dict[Path_, int]]:
    lines: dict[Path_, int] = {}
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return {}, lines
        _note_lines(node, (), lines, source)
        values = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{source} is not valid YAML ({error})", "", "mend the line that it names") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{source} holds no keys", "a recipe is a YAML mapping", "write one with `hanlin init NAME`")
    return values, lines


def _note_lines(node: yaml.Node, path: Path_, lines: dict[Path_, int], source: str) -> None:
    if len(path) > _DEEPEST:  # an alias within its own anchor has no end
        raise RecipeError(f"{source}, line {node.start_mark.line + 1}: nested too deep", f"at most {_DEEPEST} levels", "")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            if below in lines:
                raise RecipeError(
                    f"{source}, line {key.start_mark.line + 1}: {'.'.join(map(str, below))} stands twice",
                    f"first on line {lines[below]}",
                    "keep one",
                )
            lines[below] = key.start_mark.line + 1
            _note_lines(value, below, lines, source)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _note_lines(value, (*path, index), lines, source)


def _apply(override: str, values: dict[str, Any], lines: dict[Path_, int]) -> None:
    dotted, equals, raw = override.partition("=")
    keys = dotted.split(".")
    if not equals or not all(keys):
        raise RecipeError(f"--set {override}", "a form like training.learning_rate=3e-4", "write KEY=VALUE")
    try:
        value = yaml.load(raw, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override}: the value is not valid YAML ({error})", "", "quote it") from error
    if value == raw.strip():  # YAML 1.1 reads 3e-4 as text
        with contextlib.suppress(ValueError):
            value = float(value) if any(c.isdigit() for c in value) else value
    target = values
    for key in keys[:-1]:
        if target.get(key) is None:  # absent, or a section left empty
            target[key] = {}
        inner = target[key]
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override}: {key!r} holds a value, not keys", "", "check the path of the key")
        target = inner
    target[keys[-1]] = value
    for path in [path for path in lines if path[: len(keys)] == tuple(keys)]:
        del lines[path]
    lines[tuple(keys)] = _GIVEN_WITH_SET


def _allowed_keys(spec: type[BaseModel], path: Path_) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue
        annotation = spec.model_fields[part].annotation if part in spec.model_fields else None
        inner = _spec_in(annotation)
        if inner is None:
            return []
        spec = inner
    return list(spec.model_fields)


def _spec_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _spec_in(each))), None)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
