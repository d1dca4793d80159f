"""What differs between a run's newest checkpoint and the work that is asked for now: a changed recipe begins anew, and says so."""

from collections.abc import Iterator, Mapping

from cluster.artifacts import ArtifactStore
from cluster.errors import ArtifactError
from cluster.manifest import Json, Work

_MOST = 6


def changes_since(store: ArtifactStore, run: str, work: Work) -> list[str]:
    """`training.learning_rate 0.001 -> 0.003` for each value that makes this another work than that of the run's newest
    checkpoint; empty where there is none, or it is of this work."""
    try:
        before = store.ref(run, "checkpoint").manifest
    except ArtifactError:
        return []
    old = {key: value for key, value in before.spec.items() if key != "step"}
    found = [*_differences("", old, work.spec), *_differences("", dict(before.inputs), dict(work.inputs))]
    if not found and before.stage_version != work.stage_version:
        found = [f"the version of the training stage {before.stage_version} -> {work.stage_version}"]
    return found[:_MOST] + ([f"and {len(found) - _MOST} more"] if len(found) > _MOST else [])


def _differences(path: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(f"{path}{key}.", before, after)
        elif before != after:
            yield f"{path}{key} {before} -> {after}"
