"""Bring a backup back: verify every hash, then artifacts, API keys, and the registry, complete in one step.

Nothing is written before all is verified, and a registry that holds something is not touched unless told; even then the old
one is put aside, not deleted. A restore that was interrupted is started again.
"""

import shutil
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.backup.api_keys import refuse_other_keys, restore_keys
from app.backup.contents import DATABASE, EXPORT, RECIPES, REFS, REGISTRY, Backup, Held
from app.backup.make import SQLITE
from app.backup.records import ModelRecord, Move, from_json, move_models, moved, read_models, write_models
from app.gateway.limits.keystore import keys_of
from app.registry.adapters import FILE as ADAPTERS
from app.registry.adapters import moved as moved_adapters
from app.registry.registry import FOLDER, Registry
from app.registry.revision import PRODUCTION, Revision
from app.registry.tracking import Tracking
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError, StorageError, UserError
from cluster.manifest import MANIFEST
from cluster.storage import Location


@dataclass(frozen=True)
class Target:
    """Where a backup goes: a store, the MLflow of its registry, and the URI of its API keys where that is not the store's own.
    `replace`: also where a registry, or keys, are there already."""

    store: ArtifactStore
    tracking_uri: str
    replace: bool = False
    keys: str = ""

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for an MLflow server or another database."""
        return Path(self.tracking_uri.removeprefix(SQLITE)) if self.tracking_uri.startswith(SQLITE) else None


def restore_backup(backup: Backup, target: Target, say: Callable[[str], None] = print) -> list[Registry]:
    """The registries of all restored models, each with an entry in its audit log that says where it came from.

    Raises ArtifactError that names the first file which is damaged or missing, UserError where the target is in use; nothing
    was written in either case.
    """
    keys = target.keys or keys_of(target.store)
    _refuse_used(target)
    if not target.replace:
        refuse_other_keys(backup, keys)
    say(f"verifying {len(backup.contents.files)} files of {backup.location}")
    backup.verify()
    for held in _copied(backup):
        say(f"restoring {held.kind} {held.name} ({held.bytes / 1e6:.1f} MB)")
        _restore_artifact(backup.artifact(held), target.store)
    restore_keys(backup, keys)
    move = _mover(backup, target)
    _restore_registry(backup, target, move)
    _restore_refs(backup, target)
    return [_checked(backup, target, name) for name in sorted(backup.contents.aliases)]


def recipes_of(backup: Backup) -> list[str]:
    """Where the backup keeps recipes: the resolved one of every revision, and files as they were written."""
    return [str(backup.location / entry.path) for entry in backup.contents.files if entry.path.startswith(f"{RECIPES}/")]


def _refuse_used(target: Target) -> None:
    folder = target.store.root / FOLDER
    used = [folder] if any(not _is_lock(file.path) for file in storage.list_files(folder)) else []
    if target.database is not None and target.database.exists() and not used:
        used = [storage.locate(str(target.database))]
    if used and not target.replace:
        raise UserError(
            f"there is a registry at {used[0]}",
            "restore goes into an empty one",
            "choose another --store, or add --replace to put it aside first; nothing was written",
        )


def _is_lock(path: str) -> bool:
    return path.endswith(".lock")


def _restore_artifact(artifact: Artifact, store: ArtifactStore) -> None:
    """One artifact into the store, hashed again there and complete in one step; nothing where it is there already."""
    final = store.root / artifact.kind / artifact.location.name
    if storage.kind_of(final / MANIFEST) == "file":
        if storage.sha256_of(final / MANIFEST) != storage.sha256_of(artifact.location / MANIFEST):
            raise ArtifactError(f"another {artifact} is at {final}", "an artifact never changes", "choose another --store")
        Artifact(final, artifact.manifest).verify()
        return
    storage.delete_folder(final)  # what an earlier restore left half done
    staging = store.root / ".staging" / f"restore-{artifact.kind}-{artifact.location.name}-{uuid.uuid4().hex[:8]}"
    storage.copy_folder(artifact.location, staging)
    Artifact(staging, artifact.manifest).verify()
    storage.move_folder(staging, final, last=MANIFEST)


def _mover(backup: Backup, target: Target) -> Move:
    """Old URI of an artifact -> where it is now. A reference stays what it is."""
    places = {held.uri: target.store.root / held.kind / held.name for held in _copied(backup)}
    return lambda uri: places[uri].uri if uri in places else uri


def _copied(backup: Backup) -> tuple[Held, ...]:
    return backup.contents.artifacts if backup.contents.mode == "copy" else ()


def _restore_registry(backup: Backup, target: Target, move: Move) -> None:
    """All of the registry beside its place first, then moved there; MLflow's part last, which makes it answer."""
    folder = target.store.root / FOLDER
    staging = target.store.root / f".{FOLDER}-{uuid.uuid4().hex[:8]}"
    last = ""
    for entry in backup.contents.files:
        if not entry.path.startswith(f"{REGISTRY}/") or entry.path.endswith((f"/{DATABASE}", f"/{EXPORT}")):
            continue
        last = entry.path.removeprefix(f"{REGISTRY}/")
        data = storage.read_bytes(backup.location / entry.path)
        if last.startswith("registered/"):
            data = moved(Revision.from_json(data), move).to_json().encode()
        elif last == ADAPTERS:
            data = moved_adapters(data, move)
        storage.write_bytes(staging / last, data)
    database = _prepare_database(backup, target, move)
    _put_aside(folder, target)
    storage.move_folder(staging, folder, last=last)
    if database is not None and target.database is not None:
        target.database.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(database, target.database)
    else:
        write_models(Tracking(target.tracking_uri, ""), _records(backup, move))


def _prepare_database(backup: Backup, target: Target, move: Move) -> Path | None:
    """The SQLite file with artifacts where they are now, on the disk that it will stay on; None for a server."""
    if target.database is None:
        known = set(Tracking(target.tracking_uri, "").models())
        if used := sorted(known & set(backup.contents.aliases)):
            raise UserError(
                f"the registry at {target.tracking_uri} has {', '.join(used)} already",
                "models that are not there yet",
                "rename or delete them there first",
            )
        return None
    place = target.database.parent.parent  # not beside it: what is there may be put aside
    place.mkdir(parents=True, exist_ok=True)
    file = place / f".{DATABASE}-{uuid.uuid4().hex[:8]}"
    tracking = Tracking(f"{SQLITE}{file}", str(place / "mlflow-artifacts"))
    if _has(backup, DATABASE):
        storage.download_file(backup.location / REGISTRY / DATABASE, file)
        move_models(tracking, move)
    else:
        write_models(tracking, _records(backup, move))
    return file


def _records(backup: Backup, move: Move) -> list[ModelRecord]:
    """The backup's models, whichever form they are kept in, with artifacts where they are now."""
    if _has(backup, EXPORT):
        records = from_json(storage.read_bytes(backup.location / REGISTRY / EXPORT))
    else:
        with tempfile.TemporaryDirectory(prefix="hanlin-restore-") as folder:
            storage.download_file(backup.location / REGISTRY / DATABASE, Path(folder) / DATABASE)
            records = read_models(Tracking(f"{SQLITE}{folder}/{DATABASE}", folder))
    return [
        ModelRecord(record.name, tuple(moved(each, move) for each in record.revisions), record.aliases, record.head)
        for record in records
    ]


def _has(backup: Backup, name: str) -> bool:
    return any(entry.path == f"{REGISTRY}/{name}" for entry in backup.contents.files)


def _put_aside(folder: Location, target: Target) -> None:
    """What was there keeps a name of its own; `--replace` loses nothing."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    if target.database is not None and target.database.exists():
        target.database.rename(target.database.with_name(f"{target.database.name}.replaced-{stamp}"))
    files = storage.list_files(folder)
    if files:
        aside = target.store.root / f"{FOLDER}.replaced-{stamp}"
        storage.move_folder(folder, aside, last=files[-1].path)
    storage.delete_folder(folder)


def _restore_refs(backup: Backup, target: Target) -> None:
    """A recipe's newest artifacts; only where they are in this store."""
    if backup.contents.mode == "reference" and backup.contents.store != target.store.uri:
        return
    for entry in backup.contents.files:
        file = target.store.root / entry.path
        if entry.path.startswith(f"{REFS}/") and (target.replace or storage.kind_of(file) != "file"):
            storage.write_bytes(file, storage.read_bytes(backup.location / entry.path))


def _checked(backup: Backup, target: Target, name: str) -> Registry:
    """The restored registry of one model, compared with what the backup says is released."""
    registry = Registry(name, target.store, target.tracking_uri)
    aliases = {alias: each.number for each in registry.revisions() for alias in each.aliases}
    wanted = dict(backup.contents.aliases[name])
    if aliases != wanted:
        raise StorageError(
            f"{name} was restored with the aliases {aliases}", f"the backup has {wanted}", "restore again with --replace"
        )
    registry.note_restored(str(backup.location))
    if PRODUCTION in aliases:
        registry.load()
    return registry
