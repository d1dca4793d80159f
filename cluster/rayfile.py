"""`ray-cluster.yaml` for another provider: the block marked with its name, uncommented, in place of the local one.

Not for starting anything: `ray up` does.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from cluster.errors import RecipeError, UserError

PROVIDERS = ("local", "aws", "gcp")
FILE = Path(__file__).resolve().parent.parent / "ray-cluster.yaml"

_BEGIN = re.compile(r"# >>> (\w+)(:|$)")
_END = re.compile(r"# <<< (\w+)$")

Settings = dict[str, object]


def read() -> str:
    """The file as it stands beside the code. Raises UserError where only the installed package is there."""
    try:
        return FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"no {FILE.name} in {FILE.parent}", "a checkout of the code, which `ray up` copies to the machines", "run it there"
        ) from None


def render(text: str, provider: str) -> str:
    """The file with that provider's block alone, its comments kept. Raises RecipeError for a provider it has no block of."""
    if provider not in PROVIDERS:
        raise RecipeError(f"--provider {provider}", ", ".join(PROVIDERS), "for another one write its block by hand")
    kept: list[str] = []
    inside, found = "", False
    for line in text.splitlines():
        if begin := _BEGIN.match(line):
            inside, found = begin[1], found or begin[1] == provider
        elif end := _END.match(line):
            if end[1] != inside:
                raise RecipeError(f"{FILE.name}: block {inside!r} ends as {end[1]!r}", "`# <<<` with the name of `# >>>`")
            inside = ""
        elif not inside:
            kept.append(line)
        elif inside == provider:
            kept.append(line if provider == "local" else _uncommented(line))
    if inside or not found:
        raise RecipeError(f"{FILE.name}: no whole block for {provider!r}", f"# >>> {provider} ... # <<< {provider}")
    return "\n".join(kept) + "\n"


def settings(text: str, provider: str, changes: Mapping[str, object] | None = None) -> Settings:
    """What the file says for that provider, with some of it changed: mappings key by key, all else as a whole."""
    own = cast(Settings, yaml.safe_load(render(text, provider)))
    for key, new in (changes or {}).items():
        old = own.get(key)
        own[key] = {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new
    return own


def _uncommented(line: str) -> str:
    if line and not line.startswith("#"):
        raise RecipeError(f"{FILE.name}: {line!r} in a block that is off", "lines that begin with `# `", "comment it out")
    return line.removeprefix("#").removeprefix(" ")
