"""Make a backup: registry, audit log, what is released, API keys, recipes, and artifacts by reference or copied.

A backup is a new folder named by its time below the given place; every file has its hash in `backup.json`, written last, so a
backup that was interrupted is none. Nothing of the registry changes, and it may be in use meanwhile.
"""

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from app.backup.api_keys import KEYS, keys_to_save
from app.backup.contents import (
    ARTIFACTS,
    CONTENTS,
    DATABASE,
    EXPORT,
    FORMAT,
    RECIPES,
    REFS,
    REGISTRY,
    Backup,
    Contents,
    Held,
    Mode,
)
from app.backup.records import ModelRecord, read_models, to_json
from app.gateway.limits.keystore import keys_of
from app.registry.adapters import held_adapters
from app.registry.audit import AuditLog, exclusive
from app.registry.registry import FOLDER, registered_artifacts
from app.registry.tracking import Tracking
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore, open_artifact
from cluster.errors import ArtifactError, StorageError, UserError
from cluster.garbage import garbage
from cluster.manifest import MANIFEST, FileEntry, library_versions
from cluster.storage import Location

SQLITE = "sqlite:///"
_STATE = (
    "adapters.json",
    "audit.jsonl",
    "audit/",
    "registered/",
    "releases/",
)  # of the registry's folder; locks and databases are not state


@dataclass(frozen=True)
class Source:
    """What is backed up: a store, the MLflow of its registry, the recipe files that belong to it, and the URI of its API keys
    where that is not the store's own."""

    store: ArtifactStore
    tracking_uri: str
    recipes: tuple[Path, ...] = ()
    keys: str = ""


def make_backup(source: Source, target: str, mode: Mode = "reference", say: Callable[[str], None] = print) -> Backup:
    """The finished backup in a new folder below `target`. Raises ArtifactError where the audit log or a copied artifact is
    not what it was, UserError where nothing is registered, StorageError where `target` cannot be written."""
    folder = _new_folder(storage.locate(target))
    writer = _Writer(folder)
    with exclusive(source.store.root / FOLDER, "registry.lock"):  # no revision changes between database and audit log
        records = _save_revisions(source, writer)
        entries = _save_state(source, writer, records)
    _save_recipes(source, writer, records)
    _save_keys(source, writer)
    held = _save_artifacts(source, writer, records, mode, say)
    contents = Contents(
        format=FORMAT,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        store=source.store.uri,
        mode=mode,
        aliases={record.name: dict(record.aliases) for record in records},
        heads={record.name: record.head for record in records},
        audit_entries=entries,
        artifacts=tuple(held),
        files=tuple(sorted(writer.files, key=lambda entry: entry.path)),
        versions=library_versions(),
    )
    storage.write_bytes(folder / CONTENTS, contents.to_json())
    return Backup(folder, contents)


class _Writer:
    """Writes the backup's files and remembers their hashes."""

    def __init__(self, folder: Location) -> None:
        self.folder = folder
        self.files: list[FileEntry] = []

    def write(self, path: str, data: bytes, private: bool = False) -> None:
        storage.write_bytes(self.folder / path, data, private)
        self.files.append(FileEntry(path, len(data), storage.sha256_of_bytes(data)))

    def upload(self, path: str, source: Path) -> None:
        storage.upload(source, self.folder / path)
        self.files.append(FileEntry(path, source.stat().st_size, storage.sha256_of(storage.locate(str(source)))))

    def copy(self, artifact: Artifact, path: str) -> None:
        """All files of an artifact; those that arrived are hashed again against its manifest."""
        storage.copy_folder(artifact.location, self.folder / path)
        there = Artifact(self.folder / path, artifact.manifest)
        there.verify()
        manifest = storage.read_bytes(there.location / MANIFEST)
        entries = (*artifact.manifest.files, FileEntry(MANIFEST, len(manifest), storage.sha256_of_bytes(manifest)))
        self.files += [FileEntry(f"{path}/{entry.path}", entry.size, entry.sha256) for entry in entries]


def _new_folder(target: Location) -> Location:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = target / f"{stamp}-hanlin"
    with storage.plain_errors("creating", folder):
        folder.filesystem.create_dir(folder.path, recursive=True)
    return folder


def _save_revisions(source: Source, writer: _Writer) -> list[ModelRecord]:
    """A consistent copy of the SQLite file while others write to it, or what an MLflow server says."""
    if not source.tracking_uri.startswith(SQLITE):
        records = _some(source, read_models(Tracking(source.tracking_uri, "")))
        writer.write(f"{REGISTRY}/{EXPORT}", to_json(records))
        return records
    file = Path(source.tracking_uri.removeprefix(SQLITE))
    if not file.is_file():
        raise _nothing(source)
    with tempfile.TemporaryDirectory(prefix="hanlin-backup-") as place:
        copy = Path(place) / DATABASE
        _copy_database(file, copy)
        records = _some(source, read_models(Tracking(f"{SQLITE}{copy}", place)))
        writer.upload(f"{REGISTRY}/{DATABASE}", copy)
    return records


def _copy_database(file: Path, copy: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as used,
            contextlib.closing(sqlite3.connect(copy)) as made,
        ):
            used.backup(made)
    except sqlite3.Error as error:
        raise StorageError(f"the database {file} cannot be copied ({error})", "", "try again; it may be locked") from error


def _some(source: Source, records: list[ModelRecord]) -> list[ModelRecord]:
    if not records:
        raise _nothing(source)
    return records


def _nothing(source: Source) -> UserError:
    return UserError(
        f"no model is registered in {source.store.root}",
        "a store whose registry has revisions",
        "name the store with --store, or a recipe with --recipe",
    )


def _save_state(source: Source, writer: _Writer, records: Sequence[ModelRecord]) -> int:
    """Audit log (checked: what was tampered with must not become the truth), records and references; number of entries."""
    folder = source.store.root / FOLDER
    log = AuditLog(folder)
    entries = 0
    for record in records:
        entries = log.verify(record.head)
    for file in storage.list_files(folder):
        if file.path.startswith(_STATE):
            writer.write(f"{REGISTRY}/{file.path}", storage.read_bytes(folder / file.path))
    for file in storage.list_files(source.store.root / REFS):
        writer.write(f"{REFS}/{file.path}", storage.read_bytes(source.store.root / REFS / file.path))
    return entries


def _save_recipes(source: Source, writer: _Writer, records: Sequence[ModelRecord]) -> None:
    """The resolved recipe of every revision, and the files as people wrote them."""
    for record in records:
        for revision in record.revisions:
            text = yaml.safe_dump(dict(revision.recipe), allow_unicode=True, sort_keys=False)
            writer.write(f"{RECIPES}/{revision.name}.yaml", text.encode())
    for number, file in enumerate(source.recipes):
        writer.upload(f"{RECIPES}/files/{number}-{file.name}", file)


def _save_keys(source: Source, writer: _Writer) -> None:
    if data := keys_to_save(source.keys or keys_of(source.store)):
        writer.write(KEYS, data, private=True)


def _save_artifacts(
    source: Source, writer: _Writer, records: Sequence[ModelRecord], mode: Mode, say: Callable[[str], None]
) -> list[Held]:
    held = []
    for artifact in _needed(source.store, records):
        size = sum(entry.size for entry in artifact.manifest.files)
        name = artifact.location.name
        if mode == "copy":
            say(f"copying {artifact} ({size / 1e6:.1f} MB)")
            writer.copy(artifact, f"{ARTIFACTS}/{artifact.kind}/{name}")
        manifest = storage.sha256_of(artifact.location / MANIFEST)
        held.append(Held(artifact.kind, name, artifact.uri, size, manifest))
    return held


def _needed(store: ArtifactStore, records: Sequence[ModelRecord]) -> Iterator[Artifact]:
    """What registered models and references hold, directly or as inputs; a registered model that is gone is an error."""
    unheld = {folder.path for folder in garbage(store, keep=registered_artifacts(store) | held_adapters(store))}
    inside = [artifact for artifact in store.artifacts() if artifact.location.path not in unheld]
    yield from inside
    there = {artifact.uri for artifact in inside}
    for record in records:
        for revision in record.revisions:
            for uri in (revision.artifact, revision.evaluation):
                if uri and uri not in there:
                    there.add(uri)
                    yield _registered(uri, revision.name)


def _registered(uri: str, name: str) -> Artifact:
    try:
        return open_artifact(uri)
    except ArtifactError as error:
        raise ArtifactError(
            f"{name} is registered, but its artifact {uri.partition('?')[0]} is gone",
            "a backup holds every registered revision",
            "bring it back, or restore it from an earlier backup",
        ) from error
