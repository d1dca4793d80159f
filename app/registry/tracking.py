"""MLflow, and nothing else of the registry: experiments, runs, versions and aliases. Imported only where it is needed, since
importing it takes seconds; its notices and its telemetry are off.
"""

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.registry.audit import exclusive
from app.registry.revision import Revision
from cluster import environment, storage
from cluster.artifacts import Artifact
from cluster.errors import AddressError, StorageError
from cluster.manifest import Json

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_RECORD = "hanlin.record"  # the whole revision as JSON; MLflow allows 100,000 characters
_HASH = "hanlin.content_hash"
_HEAD = "hanlin.audit_head"
_LONGEST_PARAMETER = 500  # what the oldest servers in use accept
_METRICS_AT_ONCE = 1000  # MLflow's limit per call
_PARAMETERS_AT_ONCE = 100
_VERSIONS_AT_ONCE = 1000
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would call home at import, without asking
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # of 7, which take four minutes to say that no server is there
}


class Tracking:
    """An MLflow tracking and registry server, or a SQLite file. Nothing happens before the first call."""

    def __init__(self, uri: str, artifacts: str) -> None:
        self.uri = uri
        self._artifacts = artifacts
        self._client: MlflowClient | None = None

    @property
    def _is_server(self) -> bool:
        return self.uri.startswith(("http://", "https://"))

    def models(self) -> list[str]:
        with self._plain() as client:
            return sorted(model.name for model in client.search_registered_models(max_results=1000))

    def aliases(self, model: str) -> dict[str, int]:
        """Alias -> revision number; empty where the model is not registered."""
        with self._plain() as client:
            found = client.search_registered_models(f"name = '{model}'")
            return {alias: int(number) for alias, number in found[0].aliases.items()} if found else {}

    def revisions(self, model: str, content_hash: str = "") -> list[Revision]:
        """Every revision (with these bytes), oldest first, without aliases. Versions that others made are not ours to read."""
        wanted = f"name = '{model}'" + (f" and tag.`{_HASH}` = '{content_hash}'" if content_hash else "")
        versions, token = [], None
        with self._plain() as client:
            while True:
                page = client.search_model_versions(wanted, max_results=_VERSIONS_AT_ONCE, page_token=token)
                versions += list(page)
                token = page.token
                if not token:
                    break
        ours = [(int(version.version), version.tags[_RECORD]) for version in versions if _RECORD in version.tags]
        return [replace(Revision.from_json(record), number=number) for number, record in sorted(ours)]

    def create(self, revision: Revision) -> int:
        """Register a new revision; its number."""
        tags = {_HASH: revision.content_hash, _RECORD: revision.to_json()}
        with self._plain() as client:
            if not client.search_registered_models(f"name = '{revision.model}'"):
                client.create_registered_model(revision.model)
            source = revision.artifact
            if self._is_server and "://" not in source:
                source = f"hanlin://{source}"  # a server takes no path of another machine as a source
            made = client.create_model_version(revision.model, source, revision.run_id, tags, await_creation_for=0)
            return int(made.version)

    def create_numbered(self, revision: Revision) -> None:
        """Register a revision under the number that it has. Numbers only rise, so lower ones that are free stay unused."""
        while (number := self.create(revision)) < revision.number:
            with self._plain() as client:
                client.delete_model_version(revision.model, str(number))
        if number > revision.number:
            raise StorageError(
                f"the registry at {self.uri} gave {revision.name} the number {number}", "", "restore into an empty registry"
            )

    def set_record(self, revision: Revision) -> None:
        """Keep what changed in a revision's record."""
        with self._plain() as client:
            client.set_model_version_tag(revision.model, str(revision.number), _RECORD, revision.to_json())

    def set_alias(self, model: str, alias: str, number: int) -> None:
        with self._plain() as client:
            client.set_registered_model_alias(model, alias, str(number))

    def delete_alias(self, model: str, alias: str) -> None:
        with self._plain() as client:
            client.delete_registered_model_alias(model, alias)

    def set_head(self, model: str, head: str) -> None:
        """Remember the audit log's newest hash, so that a log cut short shows."""
        with self._plain() as client:
            client.set_registered_model_tag(model, _HEAD, head)

    def head(self, model: str) -> str:
        with self._plain() as client:
            found = client.search_registered_models(f"name = '{model}'")
            return str(found[0].tags.get(_HEAD, "")) if found else ""

    def start_run(self, experiment: str, name: str, parameters: Mapping[str, Json], tags: Mapping[str, str]) -> str:
        """A run with the recipe as parameters; its id."""
        with self._plain() as client:
            from mlflow.entities import Param

            found = client.get_experiment_by_name(experiment)
            place = None if self._is_server else self._artifacts
            identity = found.experiment_id if found else client.create_experiment(experiment, artifact_location=place)
            run = client.create_run(identity, run_name=name, tags=dict(tags))
            flat = [Param(key, value[:_LONGEST_PARAMETER]) for key, value in flatten(parameters).items()]
            for batch in _batches(flat, _PARAMETERS_AT_ONCE):
                client.log_batch(run.info.run_id, params=batch)
            return str(run.info.run_id)

    def log_metrics(self, run_id: str, points: Sequence[tuple[str, float, int]]) -> None:
        """(name, value, step) points, in batches."""
        now = int(time.time() * 1000)
        with self._plain() as client:
            from mlflow.entities import Metric

            for batch in _batches(points, _METRICS_AT_ONCE):
                client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value, step in batch])

    def end_run(self, run_id: str) -> None:
        with self._plain() as client:
            client.set_terminated(run_id)

    @contextlib.contextmanager
    def _plain(self) -> Iterator["MlflowClient"]:
        """The client, for the time of a block that keeps MLflow quiet and turns its failures into one line."""
        environment.default_to(**_SETTINGS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's notices about itself and its libraries
            with self._one_line():
                yield self._open()

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            message, todo = str(error).splitlines()[0][:300], "check `registry.tracking_uri`"
            if "Max retries exceeded" in message:
                raise AddressError(f"no MLflow server answers at {self.uri}", "", todo) from error
            raise StorageError(
                f"the registry at {self.uri} refused ({message})", "an MLflow server or database", todo
            ) from error

    def _open(self) -> "MlflowClient":
        if self._client is None:
            from mlflow.tracking import MlflowClient

            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.WARNING)
            folder = Path(self.uri.removeprefix("sqlite:///")).parent
            if self.uri.startswith("sqlite:///"):
                with exclusive(storage.locate(str(folder)), "mlflow.lock"):  # two that make the tables at once would clash
                    self._client = MlflowClient(self.uri, self.uri)
                    self._client.search_registered_models(max_results=1)
            else:
                self._client = MlflowClient(self.uri, self.uri)
        return self._client


def training_points(model: Artifact) -> list[tuple[str, float, int]]:
    """The numbers in the model artifact's training/metrics.jsonl as (name, value, step); empty where it has none."""
    if not model.entries("training/metrics.jsonl"):
        return []
    points = []
    for line in model.read("training/metrics.jsonl").splitlines():
        record: dict[str, Any] = json.loads(line)
        step = int(record.pop("step", 0))
        points += [(f"training/{key}", float(value), step) for key, value in record.items() if isinstance(value, int | float)]
    return points


def flatten(values: Mapping[str, Json], above: str = "") -> dict[str, str]:
    """Nested mappings as dotted keys; anything else as JSON text."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return flat


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))
