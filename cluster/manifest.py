"""What an artifact says of itself: the work that it is the result of, its files with their hashes, and its fingerprint.

Not for reading or writing artifacts: see artifacts.py.
"""

import contextlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Literal, get_args

from cluster import storage
from cluster.storage import Location

Kind = Literal["corpus", "tokenizer", "tokens", "checkpoint", "model", "evaluation", "law", "engine", "adapter"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MANIFEST = "manifest.json"
_LIBRARIES = ("hanlin", "ray", "torch", "transformers", "tokenizers", "pyarrow", "numpy")


@dataclass(frozen=True)
class Work:
    """What a stage is about to do. `inputs` maps a name to the fingerprint of what goes in; `stage_version` is raised
    when the stage's code changes what it produces. `name` is the folder's name where the fingerprint is not wanted."""

    kind: Kind
    spec: Mapping[str, Json]
    inputs: Mapping[str, str]
    stage_version: int
    name: str = ""

    @property
    def fingerprint(self) -> str:
        """First 20 hexadecimal digits (80 bits) of a SHA-256 over the canonical JSON of the four fields."""
        identity = {"kind": self.kind, "spec": self.spec, "inputs": self.inputs, "stage_version": self.stage_version}
        canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return storage.sha256_of_bytes(canonical.encode())[:20]

    @property
    def folder(self) -> str:
        return self.name or self.fingerprint


@dataclass(frozen=True)
class FileEntry:
    """A file of an artifact: path relative to its folder, size in bytes, SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The last file written into an artifact. `seconds` is the wall-clock time of the stage."""

    kind: Kind
    fingerprint: str
    stage_version: int
    spec: Mapping[str, Json]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    files: tuple[FileEntry, ...]
    counts: Mapping[str, int]
    metrics: Mapping[str, float]
    seconds: float
    created: str
    recipe: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()

    @staticmethod
    def from_json(data: bytes) -> "Manifest":
        raw = json.loads(data)
        files = tuple(FileEntry(**entry) for entry in raw.pop("files"))
        return Manifest(files=files, **raw)


def library_versions() -> dict[str, str]:
    """Installed versions of what can change a result."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def fingerprint_of_files(files: Iterable[tuple[str, Location, int, int]]) -> str:
    """One fingerprint for raw input: (name, location, size in bytes, time of change in ns) of each file.

    Files up to 64 MiB are hashed whole; of a larger one the size, the time of change and the name stand for the content.
    """
    lines = []
    for name, location, size, changed_ns in files:
        content = storage.sha256_of(location) if size <= 64 << 20 else f"changed {changed_ns}"
        lines.append(f"{name} {size} {content}\n")
    return storage.sha256_of_bytes("".join(sorted(lines)).encode())[:20]
