"""A corpus on top of another: which one, its files taken over as they are, its counts added. Not its index (dedup/index.py)."""

from collections import Counter
from collections.abc import Mapping

from cluster.artifacts import Artifact, open_artifact
from cluster.draft import Draft
from cluster.errors import ArtifactError, InputError
from cluster.stage import StageContext

TABLES = ("documents", "index", "decisions", "quarantine", "lexicon_hits", "overlap")


def open_base(name: str, context: StageContext) -> Artifact | None:
    """The corpus that `corpus.base` names: by the URI or fingerprint of an artifact, or by the run whose newest it is.

    Raises InputError for the run's own name, whose newest corpus would be another one after every run.
    """
    if not name:
        return None
    if name == context.name:
        raise InputError(
            f"`corpus.base` is {name}, the run itself", "another run's name, or a fingerprint", "give the run a name of its own"
        )
    if "/" in name:
        return open_artifact(name)
    try:
        return context.store.ref(name, "corpus")
    except ArtifactError:
        return context.store.open("corpus", name)


def take_over(draft: Draft, base: Artifact | None) -> dict[str, int]:
    """Put all tables of the base into the draft without reading them; answers how many parts there are of each."""
    entries = [entry for name in TABLES for entry in base.entries(f"{name}/")] if base else []
    for entry in entries:
        draft.link(base.location, entry)  # type: ignore[union-attr]
    return dict(Counter(entry.path.partition("/")[0] for entry in entries))


def added_up(counts: Mapping[str, int], base: Artifact | None) -> dict[str, int]:
    """The counts of new documents and those of the base."""
    before = base.manifest.counts if base else {}
    return {name: counts.get(name, 0) + before.get(name, 0) for name in dict.fromkeys([*counts, *before])}
