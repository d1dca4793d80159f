"""What nothing in an artifact store holds: drafts of runs that died, broken folders, results that no recipe refers to.

Not for deleting: whoever asks does.
"""

import time
from collections.abc import Iterable, Iterator

from cluster import storage
from cluster.artifacts import STAGING, ArtifactStore
from cluster.manifest import KINDS
from cluster.storage import Location


def garbage(store: ArtifactStore, keep: Iterable[str] = (), draft_hours: float = 24) -> list[Location]:
    """Folders that neither a reference nor `keep` (fingerprints) holds, directly or as an input of what they hold, or
    as an engine build of a model that is held. Drafts come first; one that was written to less than `draft_hours` ago may belong to a run in progress."""
    present = list(store.artifacts())
    inputs = {artifact.fingerprint: set(artifact.manifest.inputs.values()) for artifact in present}
    held, todo = set[str](), {artifact.fingerprint for _, artifact in store.refs()} | set(keep)
    while todo:
        fingerprint = todo.pop()
        held.add(fingerprint)
        todo |= inputs.get(fingerprint, set()) - held
    held |= {each.fingerprint for each in present if each.kind == "engine" and each.manifest.inputs["model"] in held}
    broken = [*_old_drafts(store.root / STAGING, draft_hours), *_broken(store, {each.location.path for each in present})]
    return broken + [artifact.location for artifact in present if artifact.fingerprint not in held]


def _old_drafts(staging: Location, hours: float) -> Iterator[Location]:
    for name in storage.list_folders(staging):
        newest = max((file.changed_ns for file in storage.list_files(staging / name)), default=0)
        if (time.time_ns() - newest) / 3.6e12 >= hours:
            yield staging / name


def _broken(store: ArtifactStore, whole: set[str]) -> Iterator[Location]:
    for kind in KINDS:
        for name in storage.list_folders(store.root / kind):
            if (store.root / kind / name).path not in whole:
                yield store.root / kind / name
