"""A whole pipeline, submitted as a job, goes on while the head is killed under its training and started again."""

from pathlib import Path

import pytest
from ray.job_submission import JobStatus, JobSubmissionClient

from app.recipe import load_recipe
from app.submit import submit
from cluster.artifacts import ArtifactStore
from cluster.local import control
from tests.app.test_pipeline import RECIPE
from tests.slow.cluster.conftest import MakeCluster, until
from tests.slow.conftest import Seen
from workloads.corpus.demo import write_demo_corpus
from workloads.training.order import LedgerLine, first_fault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LONG = ["training.steps=null", "training.epochs=100000", "training.minutes=1.5"]


def test_a_pipeline_outlives_the_head(make_cluster: MakeCluster, tmp_path: Path, seen: Seen) -> None:
    write_demo_corpus(tmp_path, seed=5, documents=120)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    cluster = make_cluster((1, 1), worker_cpus=2)
    control.use(cluster)
    file, recipe = load_recipe(str(tmp_path / "recipe.yaml"), LONG)
    job = submit(file, recipe, cluster.dashboard, print, wait=False)
    client = JobSubmissionClient(cluster.dashboard)
    until(lambda: "progress stage=training" in client.get_job_logs(job), 400)

    assert control.kill(cluster, "head") > 3
    seen("head up again under a training, s", control.up(cluster))
    client = JobSubmissionClient(cluster.dashboard)
    until(lambda: client.get_job_status(job).is_terminal(), 400)
    log = client.get_job_logs(job)
    assert client.get_job_status(job) == JobStatus.SUCCEEDED, log
    assert log.count("stage_start stage=training") == 1, "the same driver went on"

    store = ArtifactStore(str(tmp_path / "runs"))
    model = store.ref("tiny", "model")
    lines = [LedgerLine.from_line(line) for line in model.read("training/ledger.jsonl").decode().splitlines()]
    assert first_fault(lines) == ""
    seen("steps of the training that the head was killed under", len(lines))
    assert store.ref("tiny", "evaluation").manifest.inputs["model"] == model.fingerprint
