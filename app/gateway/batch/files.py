"""Files that clients bring and batches leave, each in a folder of its own below its owner's: content first, facts last.

Not for HTTP (file_paths.py). A file without facts does not exist.
"""

import json
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster import storage
from cluster.errors import MissingError
from cluster.storage import Location

NOBODY = "anyone"
"""The owner where the endpoint needs no keys."""


@dataclass(frozen=True)
class StoredFile:
    """OpenAI's file object, but for its kind. `bytes` is its size, `created_at` seconds since the epoch."""

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: int
    status: str = "processed"


class FileStore:
    """The files of one owner, who sees no other's."""

    def __init__(self, root: Location, owner: str) -> None:
        self._root = root / (owner or NOBODY) / "files"

    def add(self, content: Path, filename: str, purpose: str, name: str = "") -> StoredFile:
        """Keep a local file. `name`: its id, where doing it again must not make a second one."""
        file = StoredFile(name or f"file-{uuid.uuid4().hex}", filename, purpose, content.stat().st_size, int(time.time()))
        storage.upload(content, self._root / file.id / "content")
        storage.write_bytes(self._root / file.id / "file.json", json.dumps(asdict(file)).encode())
        return file

    def show(self, name: str) -> StoredFile:
        """Raises MissingError where the owner has none of that id."""
        facts = self._root / name / "file.json"
        if storage.kind_of(facts) != "file":
            raise MissingError(f"no file {name}", "", "list what there is with GET /v1/files")
        return StoredFile(**json.loads(storage.read_bytes(facts)))

    def content(self, name: str) -> Location:
        """Raises MissingError where the owner has none of that id."""
        return self._root / self.show(name).id / "content"

    def all(self) -> list[StoredFile]:
        """Newest first."""
        names = storage.list_folders(self._root)
        found = [self.show(name) for name in names if storage.kind_of(self._root / name / "file.json") == "file"]
        return sorted(found, key=lambda file: (-file.created_at, file.id))

    def remove(self, name: str) -> None:
        """Raises MissingError where the owner has none of that id."""
        storage.delete_folder(self._root / self.show(name).id)
