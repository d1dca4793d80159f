"""Artifacts: immutable folders with a manifest written last, the only thing that passes between stages.

A folder without `manifest.json` does not exist for a reader. The same work (kind, spec, inputs, stage version) has the
same fingerprint and so the same folder, and is not done twice. Not for what is in the files: that is each workload's.
"""

import contextlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster import storage
from cluster.draft import Draft
from cluster.errors import ArtifactError, StorageError
from cluster.manifest import (
    KINDS,
    MANIFEST,
    FileEntry,
    Json,
    Kind,
    Manifest,
    Work,
)
from cluster.storage import Location

STAGING = ".staging"
_REFS = "refs"


@dataclass(frozen=True)
class Artifact:
    """A committed artifact, to read from. `local_folder` and `read` check every byte against the manifest."""

    location: Location
    manifest: Manifest

    @property
    def kind(self) -> Kind:
        return self.manifest.kind

    @property
    def fingerprint(self) -> str:
        return self.manifest.fingerprint

    @property
    def uri(self) -> str:
        return self.location.uri

    @property
    def content_hash(self) -> str:
        """One hash over all files: SHA-256 of their paths, sizes and hashes in order."""
        lines = "".join(f"{f.path} {f.size} {f.sha256}\n" for f in sorted(self.manifest.files, key=lambda f: f.path))
        return storage.sha256_of_bytes(lines.encode())

    def entries(self, prefix: str = "") -> list[FileEntry]:
        return [entry for entry in self.manifest.files if entry.path.startswith(prefix)]

    def read(self, path: str) -> bytes:
        """The verified content of one file. Raises ArtifactError where it is missing or changed."""
        entry = next((e for e in self.manifest.files if e.path == path), None)
        if entry is None:
            raise ArtifactError(f"{self} has no file {path}", "", "use a file that its manifest names")
        data = storage.read_bytes(self.location / path)
        if len(data) != entry.size or storage.sha256_of_bytes(data) != entry.sha256:
            raise _changed(self, path)
        return data

    def verify(self, prefix: str = "") -> None:
        """Hash every file below `prefix`. Raises ArtifactError that names the first missing or changed one."""
        for entry in self.entries(prefix):
            file = self.location / entry.path
            if storage.kind_of(file) != "file":
                raise ArtifactError(f"{self} lacks the file {entry.path}", "", _remedy(self))
            if storage.sha256_of(file) != entry.sha256:
                raise _changed(self, entry.path)

    def local_folder(self, verify: bool = True) -> Path:
        """A local folder with the artifact's files, for memory mapping and for libraries that want a path: the artifact's
        own folder on a local store, else a copy that this machine keeps."""
        if self.location.is_local:
            if verify:
                self.verify()
            return Path(self.location.path)
        folder = Path(tempfile.gettempdir()) / f"hanlin-{os.getuid()}" / "artifacts" / f"{self.kind}-{self.location.name}"
        here = Artifact(storage.locate(str(folder)), self.manifest)
        if folder.exists():
            with contextlib.suppress(ArtifactError):
                here.verify()
                return folder
            shutil.rmtree(folder)
        partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
        storage.download(self.location, partial)
        Artifact(storage.locate(str(partial)), self.manifest).verify()
        try:
            partial.replace(folder)
        except OSError:  # another process of this machine was first
            shutil.rmtree(partial)
        return folder

    def __str__(self) -> str:
        return f"{self.kind} {self.location.name}"


def _remedy(artifact: Artifact) -> str:
    return f"delete {artifact.location} and run the recipe again to rebuild it, or restore it from a backup"


def _changed(artifact: Artifact, path: str) -> ArtifactError:
    return ArtifactError(
        f"the file {path} of {artifact} differs from its manifest", "an artifact never changes", _remedy(artifact)
    )


class ArtifactStore:
    """All artifacts below one URI: `<root>/<kind>/<fingerprint>/`. Local folders and object stores alike."""

    def __init__(self, root: str) -> None:
        self.root = storage.locate(root)

    @property
    def uri(self) -> str:
        return self.root.uri

    def find(self, work: Work) -> Artifact | None:
        """The committed artifact of this work, or None where it is still to be done."""
        return self._open(self._folder(work.kind, work.folder))

    def open(self, kind: Kind, name: str) -> Artifact:
        """The artifact with this fingerprint (or folder name), or an unambiguous beginning of it."""
        artifact = self._open(self._folder(kind, name))
        if artifact is None:
            matches = [n for n in storage.list_folders(self.root / kind) if n.startswith(name)] if name else []
            artifact = self._open(self._folder(kind, matches[0])) if len(matches) == 1 else None
        if artifact is None:
            raise ArtifactError(f"no {kind} {name!r} in {self.root}", "", "list what there is with `hanlin artifacts list`")
        return artifact

    def artifacts(self, kind: Kind | None = None, prefix: str = "") -> Iterator[Artifact]:
        """Every committed artifact (of one kind, with a folder name that begins with `prefix`), in order of name."""
        for each in (kind,) if kind else KINDS:
            for name in storage.list_folders(self.root / each):
                if name.startswith(prefix) and (artifact := self._open(self._folder(each, name))):
                    yield artifact

    @contextlib.contextmanager
    def draft(self, work: Work, recipe: Mapping[str, Json] | None = None) -> Iterator[Draft]:
        """Write an artifact; it is committed when the block ends without an exception, else nothing of it remains.

        Written in a folder of its own and then renamed, or, on an object store, copied within the store with the manifest
        last. Two writers of the same work end with one artifact, complete, without files of the other or of a run that was
        killed. (An object store has no lock to give: two that copy in the same moment can mix; verification finds that.)
        """
        final = self._folder(work.kind, work.folder)
        staging = self.root / STAGING / f"{work.kind}-{work.folder}-{uuid.uuid4().hex[:8]}"
        with storage.plain_errors("creating", staging):
            staging.filesystem.create_dir(staging.path, recursive=True)
        draft = Draft(work, staging)
        draft.recipe = recipe or {}
        try:
            yield draft
            draft.commit(final)
        except BaseException:
            with contextlib.suppress(StorageError):
                storage.delete_folder(staging)
            raise

    def set_ref(self, recipe: str, artifact: Artifact) -> None:
        """Remember this artifact as the recipe's newest of its kind, so that the next stage finds it."""
        data = json.dumps({"name": artifact.location.name, "fingerprint": artifact.fingerprint}).encode()
        storage.write_bytes(self.root / _REFS / recipe / f"{artifact.kind}.json", data)

    def ref(self, recipe: str, kind: Kind) -> Artifact:
        """The recipe's newest artifact of this kind. Raises ArtifactError that names the command that makes one."""
        file = self.root / _REFS / recipe / f"{kind}.json"
        if storage.kind_of(file) != "file":
            raise ArtifactError(
                f"recipe {recipe!r} has no {kind} yet in {self.root}", "", f"run the stage that makes it ({_MADE_BY[kind]})"
            )
        return self.open(kind, str(json.loads(storage.read_bytes(file))["name"]))

    def refs(self) -> Iterator[tuple[str, Artifact]]:
        """Every (recipe, artifact) that a reference holds."""
        for recipe in storage.list_folders(self.root / _REFS):
            for kind in KINDS:
                with contextlib.suppress(ArtifactError):
                    yield recipe, self.ref(recipe, kind)

    def _folder(self, kind: Kind, name: str) -> Location:
        return self.root / kind / name

    def _open(self, folder: Location) -> Artifact | None:
        file = folder / MANIFEST
        if storage.kind_of(file) != "file":
            return None
        try:
            return Artifact(folder, Manifest.from_json(storage.read_bytes(file)))
        except (ValueError, TypeError, KeyError) as error:
            raise ArtifactError(
                f"the manifest of {folder} cannot be read ({error})", "", f"delete {folder} and run again"
            ) from error


def open_artifact(uri: str) -> Artifact:
    """The artifact at a URI as `Artifact.uri` gave it. Raises ArtifactError where there is none."""
    store, kind, name = _parts(uri)
    return store.open(kind, name)


def store_of(artifact: Artifact) -> ArtifactStore:
    """The store that an artifact stands in."""
    return _parts(artifact.uri)[0]


def _parts(uri: str) -> tuple[ArtifactStore, Kind, str]:
    base, question, query = uri.partition("?")
    root, _, name = base.rstrip("/").rpartition("/")
    root, _, kind = root.rpartition("/")
    if kind not in KINDS:
        raise ArtifactError(f"{base} is no artifact", "a URI that ends in <kind>/<name>", "see `hanlin artifacts list`")
    return ArtifactStore(f"{root}{question}{query}"), kind, name


_MADE_BY: Mapping[Kind, str] = {
    "corpus": "python -m workloads.corpus RECIPE",
    "tokenizer": "python -m workloads.tokenizer RECIPE",
    "tokens": "python -m workloads.tokenizer RECIPE",
    "checkpoint": "python -m workloads.training RECIPE",
    "model": "python -m workloads.training RECIPE",
    "evaluation": "python -m workloads.evaluation RECIPE",
    "law": "hanlin plan fit RECIPE",
    "engine": "hanlin run RECIPE",
    "adapter": "hanlin adapters add RECIPE NAME FOLDER",
}
