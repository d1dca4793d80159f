"""Metrics to MLflow while a run is going on, where the recipe gives a tracking URI. Never stops nor delays a training run."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from workloads.training.metrics import StepRecord

_GATHER_SECONDS = 5.0  # between two calls
_CALL_LIMIT = 1000  # metrics per call: MLflow's limit
_CLOSE_SECONDS = 20.0  # for what is left at the end
_NO_METRICS = ("step", "expected_steps")
Values = tuple[int, dict[str, float]]


class Tracking:
    """One MLflow run per training work, found again after a restart by its tag.

    All talking is done by a thread of its own: a server that answers slowly or not at all costs no step. After the first
    failure it says so once, through `note`, and is silent. Does nothing where `uri` is empty.
    """

    def __init__(self, uri: str, experiment: str, fingerprint: str, note: Callable[[str], None]) -> None:
        self._uri, self._experiment, self._fingerprint, self._note = uri, experiment, fingerprint, note
        self._records: queue.SimpleQueue[Values | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._guarded, name="hanlin-mlflow", daemon=True)
        if uri:
            self._thread.start()

    def log(self, record: StepRecord, **more: float) -> None:
        """A line of metrics, and others of the same step."""
        if self._uri:
            numbers = {name: value for name, value in asdict(record).items() if value is not None and name not in _NO_METRICS}
            self._records.put((record.step, {**numbers, **more}))

    def close(self) -> None:
        """Send what is left; gives up on a server that does not take it."""
        if self._uri:
            self._records.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _guarded(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # whatever a tracking server does, training goes on
            self._note(f"MLflow tracking is off for this run ({type(error).__name__}: {error})"[:200])

    def _work(self) -> None:
        client, run_id = _open(self._uri, self._experiment, self._fingerprint)
        ended = False
        while not ended:
            records, ended = self._gather()
            _send(client, run_id, records)

    def _gather(self) -> tuple[list[Values], bool]:
        """The records of the next seconds, and whether they are the last."""
        records: list[Values] = []
        until = time.monotonic() + _GATHER_SECONDS
        while (left := until - time.monotonic()) > 0:
            try:
                record = self._records.get(timeout=left)
            except queue.Empty:
                break
            if record is None:
                return records, True
            records.append(record)
        return records, False


def _open(uri: str, experiment: str, fingerprint: str) -> tuple[Any, str]:
    from mlflow.tracking import MlflowClient  # 1.5-4 s: only where it is used

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(experiment)
    number = known.experiment_id if known else client.create_experiment(experiment)
    runs = client.search_runs([number], filter_string=f"tags.fingerprint = '{fingerprint}'", max_results=1)
    run = runs[0] if runs else client.create_run(number, tags={"fingerprint": fingerprint}, run_name=fingerprint)
    return client, str(run.info.run_id)


def _send(client: Any, run_id: str, records: Sequence[Values]) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(name, float(value), now, step) for step, numbers in records for name, value in numbers.items()]
    for start in range(0, len(metrics), _CALL_LIMIT):
        client.log_batch(run_id, metrics=metrics[start : start + _CALL_LIMIT])
