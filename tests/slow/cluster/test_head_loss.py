"""The head is killed whole and started again: machines, actors, jobs and the endpoint are there as before."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.job_submission import JobStatus, JobSubmissionClient

from cluster.local import control, namespace
from cluster.local.plan import free_ports
from tests.slow.cluster.conftest import MakeCluster, driver, until, workers
from tests.slow.cluster.endpoint import calling, serve_tiny, serves
from tests.slow.conftest import Seen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 30
JOB = f"""
import time
import ray
from cluster.session import session

@ray.remote(num_cpus=1)
def step(number):
    time.sleep(1)
    return number

with session():
    print("begun")
    steps = [step.remote(number) for number in range({STEPS})]
    for each in steps:
        print("step", ray.get(each), flush=True)
    print("sum", sum(ray.get(steps)))
"""


@ray.remote(num_cpus=0, memory=50 << 20, max_restarts=-1, max_task_retries=-1)
class Tally:
    """Counts, and tells its process, so that a test sees whether it is the same one."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> tuple[int, int]:
        self.count += 1
        return self.count, os.getpid()


@pytest.fixture(params=["rocksdb", "redis"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a Redis of our own, or empty for the embedded store."""
    if request.param == "rocksdb":
        yield ""
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on the path (Debian: apt-get install redis-server)")
    (port,) = free_ports(1)
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", "", "--appendonly", "yes"]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    yield f"127.0.0.1:{port}"
    server.terminate()
    server.wait(30)


def test_machines_actors_and_jobs_outlive_the_head(make_cluster: MakeCluster, redis: str, tmp_path: Path, seen: Seen) -> None:
    cluster = make_cluster((2, 2), redis=redis)
    (tmp_path / "job.py").write_text(JOB)
    with driver(cluster):
        until(lambda: workers() == 2)
        tally = Tally.options(name="tally", lifetime="detached").remote()
        assert ray.get([tally.add.remote() for _ in range(3)])[-1][0] == 3
        process = ray.get(tally.add.remote())[1]
    client = JobSubmissionClient(cluster.dashboard)
    job = client.submit_job(entrypoint=f"python {tmp_path}/job.py", entrypoint_memory=200 << 20)
    until(lambda: "step 1" in client.get_job_logs(job))

    begun = time.monotonic()
    assert control.kill(cluster, "head") > 3
    kind = "Redis" if redis else "RocksDB"
    seen(f"head up again ({kind}), s", control.up(cluster))
    with driver(cluster):
        until(lambda: workers() == 2)
        assert ray.get(ray.get_actor("tally").add.remote(), timeout=60) == (5, process)
    seen(f"head back with machines and actors after its death ({kind}), s", time.monotonic() - begun)
    client = JobSubmissionClient(cluster.dashboard)
    until(lambda: client.get_job_status(job).is_terminal(), 200)
    assert client.get_job_status(job) == JobStatus.SUCCEEDED, (client.get_job_info(job).message, client.get_job_logs(job))
    log = client.get_job_logs(job)
    assert f"sum {sum(range(STEPS))}" in log
    assert log.count("begun") == 1, "the same driver, not another one"
    seen(f"job of {STEPS} s of work on two machines over the head's death ({kind}), s", _seconds_of(client, job))


def _seconds_of(client: JobSubmissionClient, job: str) -> float:
    info = client.get_job_info(job)
    assert info.start_time is not None
    assert info.end_time is not None
    return (info.end_time - info.start_time) / 1000


def test_no_request_fails_while_the_head_is_away(make_cluster: MakeCluster, tmp_path: Path, seen: Seen) -> None:
    if reason := namespace.missing():
        pytest.skip(f"machines with addresses of their own need namespaces: {reason}")
    cluster = make_cluster((2, 2), isolated=True)
    _, urls = serve_tiny(cluster, tmp_path)
    with calling(*urls, clients=1) as callers:
        callers.wait("before", 100)
        callers.phase = "head away"
        control.kill(cluster, "head")
        callers.wait("head away", 60)
        control.up(cluster)
        callers.phase = "after"
        begun = time.monotonic()
        with driver(cluster):
            until(lambda: workers() == 2)
            until(serves)
        seen("Serve whole again once the head was up, s", time.monotonic() - begun)
        callers.wait("after", 1000)  # past the timers of Ray that count from the loss, 60 s at most
    callers.show(seen, "before", "head away", "after")
    assert callers.failures() == []
