"""What pyproject.toml asks for and what the image's constraints pin."""

import tomllib
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[3]
CONTAINERFILE = TOP / "cluster" / "kubernetes" / "Containerfile"
CONSTRAINTS = CONTAINERFILE.with_name("constraints.txt")


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    return found


def dependencies() -> list[str]:
    return list(project()["dependencies"])


def pins() -> dict[str, str]:
    """Distribution -> version."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if line and not line.startswith("#")]
    return {name: version for name, _, version in (line.partition("==") for line in lines)}
