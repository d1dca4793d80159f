"""`hanlin cluster` as a person uses it: every verb, what it says, and that the job API wants the token."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cluster.local import control, plan, processes
from cluster.local.plan import LocalCluster
from tests.slow.cluster.conftest import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CODE = Path(__file__).parents[3]
NAME = "verbs"


def hanlin(*arguments: str, status: int = 0) -> str:
    command = [sys.executable, "-m", "app", "cluster", *arguments, "--name", NAME]
    done = subprocess.run(command, cwd=CODE, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """Up with one machine by the command; gone after the test, also where that failed."""
    told = hanlin("up", "--local", "--workers", "1:2", "--idle-seconds", "300", "--memory-gb", "1")
    assert "with 1 to 2 machines" in told
    cluster = plan.load(NAME)
    yield cluster
    if NAME in plan.names():
        control.down(cluster)


def states() -> dict[str, str]:
    """What `status` says: a machine's name -> its state."""
    return dict(re.findall(r"│ (\w+) +│ [\d.]+ +│ (\w+)", hanlin("status")))


def alive(*machines: str) -> None:
    until(lambda: {name for name, state in states().items() if state == "alive"} == set(machines))


def test_up_status_add_kill_drain_down(cluster: LocalCluster) -> None:
    alive("head", "w1")
    assert "is up already" in hanlin("up", "--local")
    assert "w2 joins at" in hanlin("add")
    alive("head", "w1", "w2")
    assert re.search(r"w1 was killed; [1-9]\d* processes were ended by force", hanlin("kill", "w1"))
    alive("head", "w2", "w3")
    assert "w2 was told to go; 0 processes were ended by force" in hanlin("kill", "w2", "--drain")
    alive("head", "w3")
    assert "no machine 'w9' in cluster 'verbs'; head, w3" in hanlin("kill", "w9", status=2)

    for each in processes.processes(cluster.identity, "head"):
        if "monitor.py" in processes.command_line(each):
            each.kill()
    until(lambda: "the autoscaler does not run" in hanlin("status"))
    hanlin("kill", "head")
    assert "is up after" in hanlin("up", "--local")
    alive("head", "w3")
    assert "the autoscaler does not run" not in hanlin("status")

    assert re.search(r"[1-9]\d* processes ended, folder removed", hanlin("down"))
    assert processes.processes(cluster.identity) == []
    assert not cluster.folder.exists()
    assert "no local cluster named 'verbs'" in hanlin("status", status=2)


def test_the_job_api_wants_the_token_which_no_log_has(cluster: LocalCluster) -> None:
    alive("head", "w1")
    token = cluster.token_file.read_text(encoding="ascii")
    jobs, job = f"{cluster.dashboard}/api/jobs/", {"entrypoint": "echo done", "entrypoint_memory": 100 << 20}
    answers = [
        httpx.post(jobs, json=job, headers=headers, timeout=60).status_code
        for headers in ({}, {"Authorization": f"Bearer {'0' * 64}"}, {"Authorization": f"Bearer {token}"})
    ]
    assert {*answers[:2]} <= {401, 403}
    assert answers[2] == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{cluster.head_address}:{cluster.dashboard_port}", timeout=60)  # on 127.0.0.1 alone
    files = [each for each in cluster.folder.rglob("*") if each.is_file() and each != cluster.token_file]
    assert len(files) > 20
    assert [each for each in files if token.encode() in each.read_bytes()] == []
