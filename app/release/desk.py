"""Where a release is kept, and where people leave what they want done: small files in the registry's folder, each written
whole. So a release survives every process that leads it, and is asked for without reaching any.

    <store>/registry/releases/<model>/release.json   the release (state.py)
                                      look.json      what its judge sees, a second old
                                      wishes/*.json  what was asked for and is not done yet
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from app.release.state import Release
from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.storage import Location

_RELEASE, _LOOK, _WISHES = "release.json", "look.json", "wishes"


@dataclass(frozen=True)
class Wish:
    """`action`: start, promote, abort or rollback. The rest of the fields but `reason` are for start: a revision's number; the
    goal of an A/B comparison, the share that it gets and after how many values it ends."""

    action: str
    reason: str
    revision: int = 0
    compare: str = ""
    share: float = 0.5
    most_samples: int = 0


@dataclass(frozen=True)
class Look:
    """What the release's controller saw when it last looked."""

    at: float
    step: str
    waits_for: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Desk:
    """The files of one model's releases. One process leads a release and writes; any may read and leave wishes."""

    def __init__(self, store: ArtifactStore, model: str) -> None:
        self._folder: Location = store.root / "registry" / "releases" / model

    def load(self) -> Release | None:
        """The newest release, also where it is over."""
        data = self._read(_RELEASE)
        return Release.from_json(data) if data else None

    def save(self, release: Release) -> None:
        storage.write_bytes(self._folder / _RELEASE, release.to_json())

    def look(self) -> Look | None:
        data = self._read(_LOOK)
        return Look(**json.loads(data)) if data else None

    def show(self, look: Look) -> None:
        storage.write_bytes(self._folder / _LOOK, json.dumps(asdict(look), ensure_ascii=False, indent=1).encode())

    def ask(self, wish: Wish) -> str:
        """Leave a wish; its name, which is in `waiting` until somebody has seen to it."""
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
        storage.write_bytes(self._folder / _WISHES / name, json.dumps(asdict(wish), ensure_ascii=False).encode())
        return name

    def waiting(self) -> list[str]:
        """Names of the wishes that nobody has seen to, oldest first."""
        return [file.path for file in storage.list_files(self._folder / _WISHES) if not file.path.startswith(".")]

    def wish(self, name: str) -> Wish:
        return Wish(**json.loads(storage.read_bytes(self._folder / _WISHES / name)))

    def done(self, name: str) -> None:
        """Take a wish away; what it led to is kept already."""
        file = self._folder / _WISHES / name
        with storage.plain_errors("deleting", file):
            file.filesystem.delete_file(file.path)

    def _read(self, name: str) -> bytes:
        file = self._folder / name
        return storage.read_bytes(file) if storage.kind_of(file) == "file" else b""
