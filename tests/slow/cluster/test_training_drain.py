"""A machine with a training worker is told to go: training leaves a checkpoint there and goes on elsewhere from that step."""

import itertools
import time
from pathlib import Path

import pytest
from ray.job_submission import JobStatus, JobSubmissionClient

from app.recipe import load_recipe
from app.submit import submit
from cluster.artifacts import ArtifactStore
from cluster.local import control
from tests.app.test_pipeline import RECIPE
from tests.slow.cluster.conftest import MakeCluster, addresses_of, driver, until
from tests.slow.conftest import Seen
from workloads.corpus.demo import write_demo_corpus
from workloads.training.order import LedgerLine, first_fault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LONG = [
    *("training.steps=null", "training.epochs=100000", "training.minutes=2", "training.workers=2", "training.min_workers=1"),
    *("training.checkpoint_every=1000000", "training.evaluate_every=1000000"),
]


def test_a_drained_machine_costs_no_step(make_cluster: MakeCluster, tmp_path: Path, seen: Seen) -> None:
    write_demo_corpus(tmp_path, seed=5, documents=120)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    cluster = make_cluster((2, 2))
    control.use(cluster)
    file, recipe = load_recipe(str(tmp_path / "recipe.yaml"), LONG)
    job = submit(file, recipe, cluster.dashboard, print, wait=False)
    client = JobSubmissionClient(cluster.dashboard)
    until(lambda: "progress stage=training" in client.get_job_logs(job), 400)

    with driver(cluster):
        beside = addresses_of("TrainController")  # it is where the job's driver is
        leaving = next(each.name for each in control.status(cluster) if each.cpus and each.address not in beside)
    begun = time.monotonic()
    assert control.kill(cluster, leaving, drain=True) == 0, "a drained machine needs no force"
    seen("drain of a machine with a training worker, s", time.monotonic() - begun)
    until(lambda: client.get_job_status(job).is_terminal(), 600)
    log = client.get_job_logs(job)
    assert client.get_job_status(job) == JobStatus.SUCCEEDED, log
    assert "training_resized" in log

    model = ArtifactStore(str(tmp_path / "runs")).ref("tiny", "model")
    lines = [LedgerLine.from_line(line) for line in model.read("training/ledger.jsonl").decode().splitlines()]
    assert first_fault(lines) == ""
    sizes = [line.participants for line in lines]
    # Without a checkpoint of its own it would have begun again: none was due, and all steps would be of one size.
    changed = next(at for at, (one, other) in enumerate(itertools.pairwise(sizes), 1) if one != other)
    seen("steps of a training before and after the drain of a machine", f"{changed} + {len(lines) - changed}")
