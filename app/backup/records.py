"""The revisions of a registry as one JSON document: out of one MLflow and into another, whatever stands behind each.

Not for a SQLite file that is copied whole (make.py, restore.py): that keeps MLflow's own numbers and times too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from app.registry.revision import Node, Revision
from app.registry.tracking import Tracking, training_points
from cluster.artifacts import open_artifact
from cluster.errors import ArtifactError, UserError

Move = Callable[[str], str]


@dataclass(frozen=True)
class ModelRecord:
    """A registered model: its revisions in order, its aliases, and the audit entry that it remembers as the newest."""

    name: str
    revisions: tuple[Revision, ...]
    aliases: Mapping[str, int]
    head: str


def read_models(tracking: Tracking) -> list[ModelRecord]:
    """Every model that has revisions of ours."""
    found = []
    for name in tracking.models():
        if revisions := tuple(tracking.revisions(name)):
            found.append(ModelRecord(name, revisions, tracking.aliases(name), tracking.head(name)))
    return found


def write_models(tracking: Tracking, records: list[ModelRecord]) -> None:
    """Register all of it with the same numbers, aliases and heads. Raises UserError where one of the models is there."""
    known = set(tracking.models())
    if used := sorted(record.name for record in records if record.name in known):
        raise UserError(
            f"the registry at {tracking.uri} has the models {', '.join(used)} already",
            "models that are not there yet",
            "rename or delete them there first",
        )
    for record in records:
        for revision in record.revisions:
            _create(tracking, revision)
        for alias, number in record.aliases.items():
            tracking.set_alias(record.name, alias, number)
        tracking.set_head(record.name, record.head)


def move_models(tracking: Tracking, move: Move) -> None:
    """Write where the artifacts are now into every revision's record."""
    for record in read_models(tracking):
        for revision in record.revisions:
            tracking.set_record(moved(revision, move))


def moved(revision: Revision, move: Move) -> Revision:
    """The revision with its artifacts elsewhere."""
    lineage = tuple(Node(node.kind, node.fingerprint, move(node.uri), node.inputs) for node in revision.lineage)
    return replace(revision, artifact=move(revision.artifact), evaluation=move(revision.evaluation), lineage=lineage)


def to_json(records: list[ModelRecord]) -> bytes:
    return (json.dumps([asdict(record) for record in records], ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def from_json(data: bytes) -> list[ModelRecord]:
    found = []
    for raw in json.loads(data):
        revisions = tuple(Revision.from_json(json.dumps(each)) for each in raw.pop("revisions"))
        found.append(ModelRecord(revisions=revisions, **raw))
    return found


def _create(tracking: Tracking, revision: Revision) -> None:
    """One revision under its own number, with a run of its own that has its recipe and, where the model is at hand, its
    training's numbers."""
    run_id = tracking.start_run(revision.model, revision.fingerprint, revision.recipe, {"hanlin.model": revision.artifact})
    try:
        points = training_points(open_artifact(revision.artifact))
    except ArtifactError:  # a reference whose model is elsewhere: the registry can do without its curve
        points = []
    points += [(f"evaluation/{name}", value, 0) for name, value in revision.metrics.items()]
    tracking.log_metrics(run_id, points)
    tracking.end_run(run_id)
    tracking.create_numbered(replace(revision, run_id=run_id))
