"""A recipe goes to an autoscaling cluster as jobs, whole or stage by stage, and a job that fails is told with its log."""

import subprocess
import sys
from pathlib import Path

import pytest
from ray.job_submission import JobStatus, JobSubmissionClient

from cluster.artifacts import ArtifactStore
from cluster.local import control
from tests.app.test_pipeline import RECIPE
from tests.slow.cluster.conftest import MakeCluster, until
from workloads.corpus.demo import write_demo_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CODE = Path(__file__).parents[3]


def submit(folder: Path, dashboard: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "submit", str(folder / "recipe.yaml"), "--address", dashboard, *more]
    return subprocess.run(command, cwd=CODE, capture_output=True, text=True, timeout=400)


def test_whole_then_stage_by_stage_then_a_failure(make_cluster: MakeCluster, tmp_path: Path) -> None:
    write_demo_corpus(tmp_path, seed=5, documents=120)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    cluster = make_cluster((0, 1), idle_seconds=60)
    control.use(cluster)
    done = submit(tmp_path, cluster.dashboard)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    assert "training" in done.stdout, "the job's log was passed on"
    store = ArtifactStore(str(tmp_path / "runs"))
    model = store.ref("tiny", "model")

    client = JobSubmissionClient(cluster.dashboard)
    stages = ("corpus", "tokenizer", "training", "evaluation")
    for stage in stages:
        job = client.submit_job(
            entrypoint=f"python -m workloads.{stage} {tmp_path}/recipe.yaml --set seed=4",
            runtime_env={"working_dir": str(CODE), "excludes": [".git", ".venv", ".*_cache", "tests", "docs"]},
            entrypoint_memory=500 << 20,
        )
        until(lambda job=job: client.get_job_status(job).is_terminal(), 300)  # type: ignore[misc]
        assert client.get_job_status(job) == JobStatus.SUCCEEDED, client.get_job_logs(job)
    assert store.ref("tiny", "model").fingerprint != model.fingerprint

    failed = submit(tmp_path, cluster.dashboard, "--set", "corpus.inputs=[nowhere]")
    assert failed.returncode != 0
    assert "nowhere" in failed.stdout + failed.stderr
    assert "ended as FAILED" in failed.stderr
