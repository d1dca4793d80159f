"""MLflow tracking: lines arrive once per step; a server that is not there is told once and costs nothing else."""

from pathlib import Path

import pytest

from workloads.training.metrics import StepRecord
from workloads.training.tracking import Tracking


def _record(step: int, heldout: float | None = None) -> StepRecord:
    return StepRecord(step, 6 * step, 90 * step, 0.1 * step, 1e-3, 5.0 / step, 1.0, 900.0, 0.2, heldout_loss=heldout)


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_lines_reach_mlflow_and_a_restart_goes_on_with_the_same_run(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for steps in ((2, 4), (6,)):
        tracking = Tracking(uri, "demo", "abc123", pytest.fail)
        for step in steps:
            tracking.log(_record(step, heldout=4.0 if step == 4 else None))
        tracking.close()
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("demo")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(2, 2.5), (4, 1.25), (6, 5 / 6)]
    assert [m.step for m in client.get_metric_history(run.info.run_id, "heldout_loss")] == [4]


@pytest.mark.filterwarnings("ignore")
def test_a_failure_is_noted_once_and_stops_nothing() -> None:
    notes: list[str] = []
    tracking = Tracking("sqlite:////proc/none/mlflow.db", "demo", "abc", notes.append)
    for step in range(1, 200):
        tracking.log(_record(step))
    tracking.close()
    assert len(notes) == 1
    assert "MLflow tracking is off" in notes[0]


def test_without_a_uri_nothing_is_done() -> None:
    tracking = Tracking("", "demo", "abc", pytest.fail)
    tracking.log(_record(1))
    tracking.close()
