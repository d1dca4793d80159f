"""An artifact being written: files, counts and metrics, and the commit that makes it one. Not for reading: artifacts.py."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cluster import storage
from cluster.errors import StorageError
from cluster.manifest import MANIFEST, FileEntry, Json, Manifest, Work, library_versions
from cluster.storage import FileStat, Location


class Draft:
    """Put files below `location`, fill `counts` and `metrics`; the store commits it."""

    def __init__(self, work: Work, location: Location) -> None:
        self.work, self.location = work, location
        self.counts: dict[str, int] = {}
        self.metrics: dict[str, float] = {}
        self.recipe: Mapping[str, Json] = {}
        self._linked: dict[str, FileEntry] = {}
        self._begun = time.monotonic()

    def write(self, path: str, data: bytes) -> None:
        storage.write_bytes(self.location / path, data)

    def upload(self, source: Path, path: str = "") -> None:
        storage.upload(source, self.location / path if path else self.location)

    def link(self, source: Location, entry: FileEntry) -> None:
        """Take a file of a committed artifact at `source` over as it is, under the same path; it is not hashed again."""
        storage.link_file(source / entry.path, self.location / entry.path)
        self._linked[entry.path] = entry

    def commit(self, final: Location) -> None:
        """Move everything to its final folder, the manifest last; what another run committed there first stays."""
        storage.write_bytes(self.location / MANIFEST, self._manifest().to_json())
        if storage.kind_of(final / MANIFEST) != "file":
            try:
                storage.move_folder(self.location, final, last=MANIFEST)
            except StorageError:
                if storage.kind_of(final) != "folder":
                    raise
                if storage.kind_of(final / MANIFEST) != "file":  # a folder whose manifest someone took away is in the way
                    storage.delete_folder(final)
                    storage.move_folder(self.location, final, last=MANIFEST)
        storage.delete_folder(self.location)  # still there where another run did the same work and was first

    def _entry(self, file: FileStat) -> FileEntry:
        linked = self._linked.get(file.path)
        if linked and linked.size == file.size:
            return linked
        return FileEntry(file.path, file.size, storage.sha256_of(self.location / file.path))

    def _manifest(self) -> Manifest:
        stats = [file for file in storage.list_files(self.location) if file.path != MANIFEST]
        return Manifest(
            kind=self.work.kind,
            fingerprint=self.work.fingerprint,
            stage_version=self.work.stage_version,
            spec=dict(self.work.spec),
            inputs=dict(self.work.inputs),
            versions=library_versions(),
            files=tuple(self._entry(each) for each in stats),
            counts=dict(self.counts),
            metrics=dict(self.metrics),
            seconds=round(time.monotonic() - self._begun, 3),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            recipe=dict(self.recipe),
        )
