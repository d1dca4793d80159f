"""The folder of a training work beside its artifacts: `<store>/training/<fingerprint>/`, for what is told of a run.

Not for what a run needs to go on: checkpoints hold that. Only one process writes (rank 0, or the driver).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.manifest import Json
from cluster.storage import Location

FOLDER = "training"


@dataclass(frozen=True)
class RunFolder:
    """Files by name, each replaced as a whole: a reader sees the old or the new one."""

    location: Location

    @staticmethod
    def of(store: ArtifactStore, fingerprint: str) -> "RunFolder":
        return RunFolder(store.root / FOLDER / fingerprint)

    def write(self, name: str, data: bytes) -> None:
        storage.write_bytes(self.location / name, data)

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""
        file = self.location / name
        return storage.read_bytes(file) if storage.kind_of(file) == "file" else None

    def write_lines(self, name: str, values: Iterable[dict[str, Json]]) -> None:
        lines = (json.dumps(value, ensure_ascii=False) for value in values)
        self.write(name, "".join(f"{line}\n" for line in lines).encode())

    def read_lines(self, name: str) -> list[dict[str, Json]]:
        return [json.loads(line) for line in (self.read(name) or b"").decode().splitlines()]
