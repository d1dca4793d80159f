"""What a backup says of itself: `backup.json`, written last. A folder without it is no backup.

Not for writing or reading the files that it names: see make.py and restore.py.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from cluster import storage
from cluster.artifacts import Artifact, open_artifact
from cluster.errors import ArtifactError
from cluster.manifest import MANIFEST, FileEntry, Kind, Manifest
from cluster.storage import Location

CONTENTS = "backup.json"
FORMAT = 1
ARTIFACTS, REGISTRY, REFS, RECIPES = "artifacts", "registry", "refs", "recipes"  # folders of a backup
DATABASE, EXPORT = "mlflow.db", "export.json"  # files of the first that hold the revisions: one of the two is there
Mode = Literal["reference", "copy"]


@dataclass(frozen=True)
class Held:
    """An artifact that the backup holds or points to. `manifest` is the SHA-256 of its manifest, which has all others."""

    kind: Kind
    name: str
    uri: str
    bytes: int
    manifest: str


@dataclass(frozen=True)
class Contents:
    """`store` is the URI that the artifacts' own URIs begin with; `aliases` maps a model to its aliases and their revision
    numbers: what is released; `heads` to its newest audit entry. `seal` is the hash of all other fields."""

    format: int
    created: str
    store: str
    mode: Mode
    aliases: Mapping[str, Mapping[str, int]]
    heads: Mapping[str, str]
    audit_entries: int
    artifacts: tuple[Held, ...]
    files: tuple[FileEntry, ...]
    versions: Mapping[str, str]
    seal: str = ""

    def to_json(self) -> bytes:
        """With the seal that fits."""
        return (
            json.dumps(asdict(self) | {"seal": self.sealed()}, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        ).encode()

    def sealed(self) -> str:
        fields = asdict(self) | {"seal": ""}
        return storage.sha256_of_bytes(json.dumps(fields, ensure_ascii=False, sort_keys=True).encode())

    @staticmethod
    def from_json(data: bytes) -> "Contents":
        raw = json.loads(data)
        held = tuple(Held(**each) for each in raw.pop("artifacts"))
        files = tuple(FileEntry(**each) for each in raw.pop("files"))
        return Contents(artifacts=held, files=files, **raw)


@dataclass(frozen=True)
class Backup:
    """A complete backup, to read from."""

    location: Location
    contents: Contents

    def verify(self) -> None:
        """Hash every file of the backup and of each artifact that it points to. Raises ArtifactError that names the first
        one which is missing or changed."""
        for entry in self.contents.files:
            file = self.location / entry.path
            if storage.kind_of(file) != "file":
                raise ArtifactError(f"the backup {self.location} lacks the file {entry.path}", "", _OTHER)
            if storage.sha256_of(file) != entry.sha256:
                raise ArtifactError(f"the file {entry.path} of the backup {self.location} has changed", "", _OTHER)
        if self.contents.mode == "reference":
            for held in self.contents.artifacts:
                _verify_reference(held)

    def artifact(self, held: Held) -> Artifact:
        """An artifact that was copied into the backup."""
        folder = self.location / ARTIFACTS / held.kind / held.name
        return Artifact(folder, Manifest.from_json(storage.read_bytes(folder / MANIFEST)))


def open_backup(uri: str) -> Backup:
    """The backup at a URI, or the newest complete one in the folder there. Raises ArtifactError where there is none."""
    folder = storage.locate(uri)
    names = [""] if storage.kind_of(folder / CONTENTS) == "file" else _complete(folder)
    if not names:
        broken = storage.list_files(folder)
        reason = "it lacks backup.json, so it was interrupted before its end" if broken else "nothing is there"
        raise ArtifactError(f"{folder} is no backup ({reason})", "what `hanlin backup` finished", "name another one")
    place = folder / names[-1] if names[-1] else folder
    try:
        contents = Contents.from_json(storage.read_bytes(place / CONTENTS))
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"the file {CONTENTS} of the backup {place} cannot be read ({error})", "", _OTHER) from error
    if contents.format != FORMAT:
        raise ArtifactError(f"{place} has format {contents.format}", f"this version reads {FORMAT}", "use its own version")
    if contents.seal != contents.sealed():
        raise ArtifactError(f"the file {CONTENTS} of the backup {place} has changed", "", _OTHER)
    return Backup(place, contents)


_OTHER = "restore from another backup; nothing was written"


def _complete(folder: Location) -> list[str]:
    """Names of the complete backups in a folder, oldest first: they begin with their time."""
    return [name for name in storage.list_folders(folder) if storage.kind_of(folder / name / CONTENTS) == "file"]


def _verify_reference(held: Held) -> None:
    try:
        artifact = open_artifact(held.uri)
    except ArtifactError as error:
        raise ArtifactError(
            f"the {held.kind} {held.name} is gone from {held.uri.partition('?')[0]}",
            "this backup points to artifacts and holds no copy",
            "bring it back there, or restore from a backup made with --artifacts copy; nothing was written",
        ) from error
    if storage.sha256_of(artifact.location / MANIFEST) != held.manifest:
        raise ArtifactError(f"the manifest of {artifact} at {artifact.location} differs from the backup's", "", _OTHER)
    artifact.verify()
