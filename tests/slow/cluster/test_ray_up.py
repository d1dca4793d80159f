"""The project's ray-cluster.yaml over real ssh: `ray up`, from no machine to two and back, `ray down`, and nothing is left."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.slow.cluster import ssh_machines
from tests.slow.conftest import Seen

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


def in_namespaces(module: str, folder: str) -> dict[str, Any]:
    """Run it as the first process of new namespaces; what it said it saw."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [*ssh_machines.unshare_command(), sys.executable, "-m", module, folder]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    seen = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, f"{seen}\n{done.stderr[-6000:]}"
    return {what: value for each in seen for what, value in each.items()}


@pytest.mark.timeout(1500)
def test_ray_up_scales_from_no_machine_and_back_over_ssh(seen: Seen) -> None:
    if reason := ssh_machines.missing():
        pytest.skip(reason)
    folder = f"/run/hanlin-{secrets.token_hex(6)}"
    got = in_namespaces("tests.slow.cluster.ray_up", folder)

    assert got["at first"] == []
    assert got["head offers"] == {}
    assert got["holders on"] == ["10.77.0.2", "10.77.0.3"]
    assert [got["small on"]] == got["at last"], "memory alone places it off the head"
    assert got["token refused"]
    assert got["token modes"] == ["600"] * 3
    assert "Active:" in got["status"], "the runbook's first look"
    assert got["store"]
    for what, shown in FIGURES.items():
        seen(f"ray up over ssh: {what}, s", got[shown])

    seen("machines at work that ray down leaves to themselves", got["left by ray down"])

    assert not Path(folder).exists()
    lines = {each.pid: " ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])}
    assert [line for pid, line in lines.items() if folder in line and pid != os.getpid()] == []


FIGURES = {
    "head ready": "head ready",
    "first machine after demand": "machine 1",
    "second machine after demand": "machine 2",
    "back to no machine after the work (idle limit 6 s)": "back to none",
    "an actor that asks for memory alone, from no machine": "small placed",
    "ray down, and ray stop on the workers, until no process is left": "down",
}
