"""Metrics to MLflow while a run is going on, where the recipe gives a tracking URI. Never stops a training run."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from workloads.training.metrics import StepRecord

_BATCH = 50
_BATCH_SECONDS = 5.0


class Tracking:
    """One MLflow run per training work, found again after a restart by its tag. Silent without a URI; after the first failure
    it says so once and stays silent."""

    def __init__(self, uri: str, experiment: str, fingerprint: str, note: Callable[[str], None]) -> None:
        self._note, self._waiting = note, list[StepRecord]()
        self._client: Any = None
        self._run_id, self._flushed = "", time.monotonic()
        if uri:
            self._guarded(lambda: self._open(uri, experiment, fingerprint))

    def log(self, record: StepRecord) -> None:
        if self._client is None:
            return
        self._waiting.append(record)
        if len(self._waiting) >= _BATCH or time.monotonic() - self._flushed >= _BATCH_SECONDS:
            self._guarded(self._flush)

    def close(self) -> None:
        if self._client is not None and self._waiting:
            self._guarded(self._flush)

    def _open(self, uri: str, experiment: str, fingerprint: str) -> None:
        from mlflow.tracking import MlflowClient  # 1.5-4 s: only where it is used

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        client = MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(experiment)
        number = known.experiment_id if known else client.create_experiment(experiment)
        runs = client.search_runs([number], filter_string=f"tags.fingerprint = '{fingerprint}'", max_results=1)
        run = runs[0] if runs else client.create_run(number, tags={"fingerprint": fingerprint}, run_name=fingerprint)
        self._run_id, self._client = run.info.run_id, client

    def _flush(self) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, record.step)
            for record in self._waiting
            for name, value in asdict(record).items()
            if value is not None and name not in ("step", "expected_steps")
        ]
        self._waiting, self._flushed = [], time.monotonic()
        for start in range(0, len(metrics), 1000):  # MLflow's limit per call
            self._client.log_batch(self._run_id, metrics=metrics[start : start + 1000])

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  # whatever a tracking server does, training goes on
            self._client = None
            self._note(f"MLflow tracking is off for this run ({type(error).__name__}: {error})"[:200])
