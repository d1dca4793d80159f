"""The adapters that may be asked for by name: which artifact a name stands for, under each revision of its model.

One JSON file in the registry's folder, replaced as a whole; gateways follow it. Not for how an adapter is read or computed
(workloads/serving), nor for which revision answers (app/gateway).
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from app.registry.audit import exclusive
from app.registry.registry import FOLDER, Registry
from cluster import storage
from cluster.artifacts import ArtifactStore
from cluster.config import Spec
from cluster.errors import InputError, UserError
from cluster.storage import Location

FILE = "adapters.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class PublishedAdapter(Spec):
    """What `name` stands for under the revision of `model` whose artifact has the fingerprint `base`: an adapter artifact, with
    its URI, fingerprint and content hash."""

    name: str
    model: str
    revision: int
    base: str
    uri: str
    fingerprint: str
    content: str
    created: datetime


class _File(Spec):
    adapters: tuple[PublishedAdapter, ...] = ()


def adapters_file(store: ArtifactStore) -> Location:
    return store.root / FOLDER / FILE


def read_adapters(uri: str) -> tuple[PublishedAdapter, ...]:
    """All of a file; none where there is no file. Raises InputError for one that is none of ours, StorageError."""
    place = storage.locate(uri)
    if storage.stat(place) is None:
        return ()
    try:
        return _File.model_validate_json(storage.read_bytes(place)).adapters
    except ValidationError as error:
        raise InputError(
            f"{place} is not a list of adapters", "what `hanlin adapters add` writes", "restore it from a backup"
        ) from error


def published(store: ArtifactStore) -> tuple[PublishedAdapter, ...]:
    """What may be asked for in a store."""
    return read_adapters(adapters_file(store).uri)


def held_adapters(store: ArtifactStore) -> set[str]:
    """Fingerprints of every adapter that is published, for garbage collection."""
    return {each.fingerprint for each in published(store)}


def moved(data: bytes, move: Callable[[str], str]) -> bytes:
    """The file with its artifacts elsewhere."""
    entries = _File.model_validate_json(data).adapters
    return _to_bytes(each.model_copy(update={"uri": move(each.uri)}) for each in entries)


def publish(registry: Registry, name: str, folder: Path, wanted: str) -> PublishedAdapter:
    """Let `name` stand for the adapter in a folder of PEFT's under the wanted revision (number or alias); what it stood for under
    other revisions stays. Raises UserError for a name that is taken or impossible, and for an adapter that does not fit."""
    from workloads.serving.adapters import adapter_artifact  # torch: not for those who only read the list

    if not _NAME.fullmatch(name):
        raise UserError(
            f"the adapter name {name[:80]!r}", "1 to 63 letters, digits, dots, dashes, underscores", "choose another"
        )
    revision = registry.show(wanted)
    if name in {*registry.models(), registry.name}:
        raise UserError(
            f"{name} is a model", "a name that no model has: clients ask for both in the same way", "choose another"
        )
    model = registry.load(str(revision.number))
    artifact = adapter_artifact(folder, model, registry.store)
    entry = PublishedAdapter(
        name=name,
        model=registry.name,
        revision=revision.number,
        base=model.fingerprint,
        uri=artifact.uri,
        fingerprint=artifact.fingerprint,
        content=artifact.content_hash,
        created=datetime.now(UTC).replace(microsecond=0),
    )
    with exclusive(registry.store.root / FOLDER, "adapters.lock"):
        others = [each for each in published(registry.store) if (each.name, each.base) != (name, entry.base)]
        if taken := next((each for each in others if each.name == name and each.model != registry.name), None):
            raise UserError(
                f"{name} is an adapter of {taken.model}", "a name that is free", "choose another, or remove that one"
            )
        _write(registry.store, (*others, entry))
    registry.note("adapter-add", "", str(revision.number), f"{name}: {artifact.content_hash[:12]}")
    return entry


def withdraw(registry: Registry, name: str) -> None:
    """Nobody can ask for it any more, under whichever revision. Raises UserError where there is none of that name."""
    with exclusive(registry.store.root / FOLDER, "adapters.lock"):
        entries = published(registry.store)
        left = tuple(each for each in entries if (each.name, each.model) != (name, registry.name))
        if len(left) == len(entries):
            known = ", ".join(sorted({each.name for each in entries if each.model == registry.name})) or "none"
            raise UserError(f"{registry.name} has no adapter {name!r}", f"published: {known}", "see `hanlin adapters list`")
        _write(registry.store, left)
    registry.note("adapter-remove", "", "", name)


def _write(store: ArtifactStore, entries: Iterable[PublishedAdapter]) -> None:
    storage.write_bytes(adapters_file(store), _to_bytes(sorted(entries, key=lambda each: (each.name, each.revision))))


def _to_bytes(entries: Iterable[PublishedAdapter]) -> bytes:
    return _File(adapters=tuple(entries)).model_dump_json(indent=1).encode()
