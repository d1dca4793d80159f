"""Where batches are kept, so that any gateway can go on with what another one began.

<root>/<owner>/batches/<id>/batch.json       the newest state; written by the one who runs it
<root>/<owner>/batches/<id>/parts/<n>.jsonl  answers to the lines of one part, whole or absent
<root>/open/<id>/                            what has not ended: owner.txt, a claim while it runs, a wish to cancel
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from app.gateway.batch.files import NOBODY, FileStore
from app.gateway.batch.record import Batch, Fault
from cluster import storage
from cluster.claim import claimed
from cluster.errors import MissingError
from cluster.storage import Location


class BatchStore:
    """All batches below a root."""

    def __init__(self, root: Location) -> None:
        self._root = root

    def files(self, owner: str) -> FileStore:
        return FileStore(self._root, owner)

    def create(self, batch: Batch) -> None:
        """From now on some gateway will run it."""
        self.save(batch)
        storage.write_bytes(self._open(batch.id) / "owner.txt", batch.owner.encode())

    def save(self, batch: Batch) -> None:
        storage.write_bytes(self._folder(batch.owner, batch.id) / "batch.json", json.dumps(asdict(batch)).encode())

    def show(self, owner: str, name: str) -> Batch:
        """Its newest state. Raises MissingError where the owner has none of that id."""
        file = self._folder(owner, name) / "batch.json"
        if storage.kind_of(file) != "file":
            raise MissingError(f"no batch {name}", "", "list what there is with GET /v1/batches")
        facts = json.loads(storage.read_bytes(file))
        batch = Batch(**facts | {"faults": tuple(Fault(**each) for each in facts["faults"])})
        return batch.at("cancelling") if not batch.final and self.to_cancel(batch) else batch

    def all(self, owner: str) -> list[Batch]:
        """Newest first."""
        names = storage.list_folders(self._root / (owner or NOBODY) / "batches")
        found = [self.show(owner, name) for name in names]
        return sorted(found, key=lambda batch: (-batch.times["created"], batch.id))

    def unfinished(self) -> list[Batch]:
        """Of all owners."""
        found = []
        for name in storage.list_folders(self._root / "open"):
            owner = self._open(name) / "owner.txt"
            if storage.kind_of(owner) == "file":
                found.append(self.show(storage.read_bytes(owner).decode(), name))
        return found

    def cancel(self, batch: Batch) -> None:
        """Whoever runs it will see it."""
        storage.write_bytes(self._open(batch.id) / "cancel", b"")

    def to_cancel(self, batch: Batch) -> bool:
        return storage.kind_of(self._open(batch.id) / "cancel") == "file"

    @contextmanager
    def running(self, batch: Batch) -> Iterator[None]:
        """Nobody else runs it within this block. Raises UserError where somebody does."""
        with claimed(self._open(batch.id) / "claim.json", batch.id):
            yield

    def close(self, batch: Batch) -> None:
        """It has ended."""
        self.save(batch)
        storage.delete_folder(self._open(batch.id))

    def write_part(self, batch: Batch, number: int, lines: bytes) -> None:
        storage.write_bytes(self._parts(batch) / f"{number:08d}.jsonl", lines)

    def parts(self, batch: Batch) -> dict[int, Location]:
        """The parts that are done, by number."""
        names = [file.path for file in storage.list_files(self._parts(batch))]
        return {int(name.partition(".")[0]): self._parts(batch) / name for name in names if name[0] != "."}

    def _parts(self, batch: Batch) -> Location:
        return self._folder(batch.owner, batch.id) / "parts"

    def _folder(self, owner: str, name: str) -> Location:
        return self._root / (owner or NOBODY) / "batches" / name

    def _open(self, name: str) -> Location:
        return self._root / "open" / name
