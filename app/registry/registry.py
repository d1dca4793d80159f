"""Register a model, say which revision is served, take it back, and load it by its hash. Every change is in the audit log.

MLflow keeps revisions and aliases (tracking.py); a copy of each record in the store answers, without importing MLflow,
whether a model is registered. Not for serving a revision: app/gateway and workloads/serving do that.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from app.registry.audit import AuditEntry, AuditLog, exclusive
from app.registry.lineage import lineage
from app.registry.revision import CANDIDATE, PRODUCTION, Revision
from app.registry.spec import RegistrySpec
from app.registry.tracking import Tracking, training_points
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore, open_artifact
from cluster.errors import ArtifactError, ModelNotFoundError, UserError
from cluster.manifest import Json
from cluster.stage import StageContext

FOLDER = "registry"


class Registry:
    """The revisions of one registered model, `name`, whose artifacts are in `store`."""

    def __init__(self, name: str, store: ArtifactStore, tracking_uri: str) -> None:
        self.name, self.store = name, store
        self._folder = store.root / FOLDER
        self._tracking = Tracking(tracking_uri, (self._folder / "mlflow-artifacts").uri)
        self.audit = AuditLog(self._folder)

    def registered(self, model: Artifact, evaluation: Artifact | None) -> Revision | None:
        """The revision of these very bytes with this evaluation, or None. Cheap: reads one small file and no MLflow;
        its aliases are not filled in."""
        file = self._record_file(model)
        if storage.kind_of(file) != "file":
            return None
        record = Revision.from_json(storage.read_bytes(file))
        same = record.content_hash == model.content_hash and record.evaluation == _uri(evaluation)
        return record if same else None

    def register(self, model: Artifact, evaluation: Artifact | None, recipe: Mapping[str, Json] | None = None) -> Revision:
        """The revision of this model: the one there is for the same bytes, else a new one, which becomes `candidate`, or
        `production` where it is the first one with an evaluation. Raises ArtifactError where the model's bytes changed."""
        if evaluation is not None and model.fingerprint not in evaluation.manifest.inputs.values():
            raise UserError(
                f"{evaluation} is not of {model}", "an evaluation belongs to one model", "evaluate this model first"
            )
        model.verify()
        with exclusive(self._folder, "registry.lock"):
            found = self._tracking.revisions(self.name, model.content_hash)
            revision = found[0] if found else self._create(model, recipe)
            if revision.evaluation != _uri(evaluation) and evaluation is not None:
                revision = self._attach(revision, evaluation)
            self._announce(revision)
            storage.write_bytes(self._record_file(model), revision.to_json().encode())
        return self.show(str(revision.number))

    def revisions(self) -> list[Revision]:
        """Every revision of this model, oldest first."""
        aliases = self._tracking.aliases(self.name)
        return [_filled(revision, aliases) for revision in self._tracking.revisions(self.name)]

    def models(self) -> list[str]:
        """Names of all registered models."""
        return self._tracking.models()

    def show(self, wanted: str = PRODUCTION) -> Revision:
        """A revision by number or alias. Raises ModelNotFoundError that names what there is."""
        aliases = self._tracking.aliases(self.name)
        number = aliases.get(wanted) or (int(wanted) if wanted.isdecimal() else 0)
        known = self._tracking.revisions(self.name)
        found = next((revision for revision in known if revision.number == number), None)
        if found is None:
            raise self._unknown(wanted, [*aliases, *(str(revision.number) for revision in known)])
        return _filled(found, aliases)

    def load(self, wanted: str = PRODUCTION) -> Artifact:
        """The model artifact of a revision, every byte checked against the hash that was registered.

        Raises ArtifactError where it is gone, or differs from what was registered.
        """
        return self._load(self.show(wanted))

    def promote(self, wanted: str = CANDIDATE, reason: str = "") -> Revision:
        """Make a revision (number or alias) `production`. Raises UserError where it was never evaluated, ArtifactError where
        its bytes changed."""
        with exclusive(self._folder, "registry.lock"):
            revision = self.admit(wanted)
            return self._switch("promote", revision, reason or "promoted by hand")

    def rollback(self, reason: str = "") -> Revision:
        """Make the revision that was `production` before the present one `production` again, as the audit log tells it."""
        with exclusive(self._folder, "registry.lock"):
            revision = self.before_production()
            self._load(revision)
            return self._switch("rollback", revision, reason or "rolled back by hand")

    def before_production(self) -> Revision:
        """The revision that was `production` before the present one. Raises UserError where there is none."""
        now = self._tracking.aliases(self.name).get(PRODUCTION, 0)
        earlier = [number for number in productions(self.audit.entries(self.name)) if number != now]
        if not now or not earlier:
            raise UserError(
                f"{self.name} has no earlier production revision", "a rollback goes back to one", "name one with `promote`"
            )
        return self.show(str(earlier[-1]))

    def admit(self, wanted: str) -> Revision:
        """A revision that may become `production`. Raises as `promote` does; changes nothing."""
        revision = self.show(wanted)
        self._admit(revision)
        return revision

    def note(self, action: str, before: str, after: str, reason: str) -> None:
        """A line in the audit log that changes no alias: what a release did to the requests."""
        self._log(action, before, after, reason)

    def verify_audit(self) -> int:
        """Number of entries in the audit log. Raises ArtifactError where it was changed or cut short."""
        return self.audit.verify(self._tracking.head(self.name))

    def note_restored(self, source: str) -> None:
        """Keep in the audit log that what follows comes after a restore from a backup."""
        production = str(self._tracking.aliases(self.name).get(PRODUCTION, ""))
        self._log("restore", production, production, f"restored from {source}")

    def _create(self, model: Artifact, recipe: Mapping[str, Json] | None) -> Revision:
        values = dict(recipe if recipe is not None else model.manifest.recipe)
        run_id = self._log_training(model, values)
        revision = Revision(
            model=self.name,
            number=0,
            content_hash=model.content_hash,
            fingerprint=model.fingerprint,
            artifact=model.uri,
            evaluation="",
            evaluation_fingerprint="",
            metrics={},
            recipe=values,
            lineage=lineage(model, self.store),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=run_id,
        )
        return replace(revision, number=self._tracking.create(revision))

    def _log_training(self, model: Artifact, recipe: Mapping[str, Json]) -> str:
        run_id = self._tracking.start_run(self.name, model.location.name, recipe, {"hanlin.model": model.uri})
        self._tracking.log_metrics(run_id, training_points(model))
        self._tracking.end_run(run_id)
        return run_id

    def _attach(self, revision: Revision, evaluation: Artifact) -> Revision:
        points = [(f"evaluation/{name}", value, 0) for name, value in evaluation.manifest.metrics.items()]
        self._tracking.log_metrics(revision.run_id, points)
        revision = replace(
            revision,
            evaluation=evaluation.uri,
            evaluation_fingerprint=evaluation.fingerprint,
            metrics=dict(evaluation.manifest.metrics),
        )
        self._tracking.set_record(revision)
        return revision

    def _announce(self, revision: Revision) -> None:
        """Aliases and log entry of a new revision. The entry comes last, so a run killed before it does this again."""
        number, aliases = str(revision.number), self._tracking.aliases(self.name)
        entries = self.audit.entries(self.name)
        if not any(entry.action == "register" and entry.after == number for entry in entries):
            if revision.number > aliases.get(CANDIDATE, 0) and revision.number != aliases.get(PRODUCTION):
                self._tracking.set_alias(self.name, CANDIDATE, revision.number)
            self._log("register", str(aliases.get(CANDIDATE, "")), number, "new candidate")
        if PRODUCTION not in aliases and revision.evaluation:
            self._switch("promote", revision, "first evaluated revision")

    def _admit(self, revision: Revision) -> None:
        """The gate. Today: evaluated, and the bytes are those that were registered."""
        if not revision.evaluation:
            raise UserError(
                f"{revision.name} has no evaluation",
                "only an evaluated revision can be promoted",
                "run `hanlin run` to evaluate it",
            )
        self._load(revision)

    def _switch(self, action: str, revision: Revision, reason: str) -> Revision:
        aliases = self._tracking.aliases(self.name)
        before, after = str(aliases.get(PRODUCTION, "")), str(revision.number)
        if before == after:
            return _filled(revision, aliases)
        self._log(action, before, after, reason)  # first, so that no change can be without an entry
        try:
            self._tracking.set_alias(self.name, PRODUCTION, revision.number)
            if aliases.get(CANDIDATE) == revision.number:
                self._tracking.delete_alias(self.name, CANDIDATE)
        except BaseException:
            self._log("failed", after, before, f"{action} did not complete")
            raise
        return _filled(revision, self._tracking.aliases(self.name))

    def _log(self, action: str, before: str, after: str, reason: str) -> None:
        entry = self.audit.append(action, self.name, before, after, reason)
        self._tracking.set_head(self.name, entry.hash)

    def _load(self, revision: Revision) -> Artifact:
        artifact = open_artifact(revision.artifact)
        if artifact.content_hash != revision.content_hash:
            raise ArtifactError(
                f"the model of {revision.name} at {artifact.location} differs from what was registered",
                "a revision never changes",
                "restore it from a backup, or promote another revision",
            )
        artifact.verify()
        return artifact

    def _record_file(self, model: Artifact) -> storage.Location:
        return self._folder / "registered" / self.name / f"{model.content_hash}.json"

    def _unknown(self, wanted: str, known: list[str]) -> ModelNotFoundError:
        there = ", ".join(known) or "none"
        return ModelNotFoundError(f"{self.name} has no revision {wanted!r}", f"registered: {there}", "see `hanlin models list`")


def open_registry(spec: RegistrySpec, context: StageContext) -> Registry:
    """The registry of a recipe. Touches no database and imports no MLflow."""
    if not spec.tracking_uri and not context.store.root.is_local:
        context.reporter.note(
            "registry_is_local", uri=spec.resolve(context.store, context.folder), hint="set registry.tracking_uri"
        )
    return Registry(spec.name or context.name, context.store, spec.resolve(context.store, context.folder))


def registered_artifacts(store: ArtifactStore) -> set[str]:
    """Fingerprints of every model that a registry of this store holds, and of its evaluation, for garbage collection. Imports no
    MLflow."""
    folder = store.root / FOLDER / "registered"
    revisions = [Revision.from_json(storage.read_bytes(folder / file.path)) for file in storage.list_files(folder)]
    return {each for one in revisions for each in (one.fingerprint, one.evaluation_fingerprint) if each}


def productions(entries: list[AuditEntry]) -> list[int]:
    """The revisions that were production and not rolled back from, oldest first: the last is the present one."""
    stack: list[int] = []
    before: list[int] = []
    for entry in entries:
        if entry.action == "failed":
            stack = before
        elif entry.action == "promote":
            before, stack = stack, [*stack, int(entry.after)]
        elif entry.action == "rollback":
            number = int(entry.after)
            kept = len(stack) - stack[::-1].index(number) if number in stack else 0
            before, stack = stack, stack[:kept] or [number]
    return stack


def _filled(revision: Revision, aliases: Mapping[str, int]) -> Revision:
    return revision.with_aliases(tuple(sorted(alias for alias, number in aliases.items() if number == revision.number)))


def _uri(evaluation: Artifact | None) -> str:
    return evaluation.uri if evaluation else ""
