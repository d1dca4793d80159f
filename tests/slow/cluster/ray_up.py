"""`ray up`, demand, `ray down` with the project's own ray-cluster.yaml over real ssh, inside namespaces that the test unshared.

python -m tests.slow.cluster.ray_up FOLDER; one JSON line on standard output per thing seen. Not a test.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml

from cluster import rayfile
from tests.slow.cluster.ray_up_demand import say
from tests.slow.cluster.ssh_machines import Machines, until

ROOT = Path(__file__).resolve().parents[3]
DEMAND = Path(__file__).with_name("ray_up_demand.py")
_RAY_PROGRAMS = ("raylet", "gcs_server", "monitor.py", "dashboard.py", "runtime_env", "log_monitor.py", "ray::")


def main(folder: Path) -> None:
    machines = Machines(folder, count=3)
    machines.start()
    config = write_config(machines)
    begun = time.monotonic()
    ray("up", "--yes", "--no-config-cache", config)
    say("head ready", time.monotonic() - begun)
    head = machines.addresses[0]
    driver = f"RAY_AUTH_MODE=token python {DEMAND} {cpus()} {len(machines.addresses) - 1}"
    subprocess.run(machines.command(head, driver), check=True)
    say("token refused", machines.run(head, f"RAY_AUTH_TOKEN={'0' * 64} RAY_AUTH_MODE=token ray status").returncode != 0)
    say("status", machines.run(head, "RAY_AUTH_MODE=token ray status --verbose").stdout)  # as the runbook does
    shown = [machines.run(each, "stat -c %a ~/.ray/auth_token").stdout.split() for each in machines.addresses]
    say("token modes", [words[-1] for words in shown])
    say("store", machines.run(head, "ls ~/.hanlin/head-store").stdout.split()[:1] != [])
    begun = time.monotonic()
    ray("down", "--yes", config)
    until(lambda: not ray_processes("gcs_server"), "the end of the head")
    say("left by ray down", len(ray_processes("raylet")))
    for address in machines.addresses[1:]:
        machines.run(address, "ray stop")  # what the file says to do with a host that still works
    try:
        until(lambda: not ray_processes(*_RAY_PROGRAMS), "the end of Ray's processes", seconds=120)
    except TimeoutError as error:
        raise RuntimeError(f"left: {[line[:200] for line in ray_processes(*_RAY_PROGRAMS)]}") from error
    say("down", time.monotonic() - begun)


def write_config(machines: Machines) -> str:
    """The file of the project; only what a person would edit is changed, and what would install from the network."""
    token = machines.folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="utf-8")
    head, *others = machines.addresses
    path = f"export PATH={Path(sys.executable).parent}:{machines.path}:$PATH PYTHONPATH=$HOME/hanlin"
    changes: rayfile.Settings = {
        "cluster_name": "lab",
        "provider": {"head_ip": head, "worker_ips": others},
        "auth": {"ssh_user": "root", "ssh_private_key": str(machines.key)},
        "max_workers": len(others),
        "idle_timeout_minutes": 0.1,
        "metadata": {"worker": {"cpus": cpus(), "memory_gb": 1}},
        "setup_commands": [f"echo '{path}' >> ~/.bashrc"],
        "file_mounts": {"~/.ray/auth_token": str(token)},
    }
    target = machines.folder / "ray-cluster.yaml"
    target.write_text(yaml.safe_dump(rayfile.settings(rayfile.read(), "local", changes)), encoding="utf-8")
    return str(target)


def cpus() -> int:
    """What Ray finds on every machine of this computer."""
    return len(os.sched_getaffinity(0))


def ray(*arguments: str) -> None:
    """Run it where the file's relative paths are; its output only where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"ray {arguments[0]} ended with {done.returncode}: {done.stdout[-6000:]} {done.stderr[-2000:]}")


def ray_processes(*programs: str) -> list[str]:
    """Command lines of those of Ray's processes on all machines: this process's namespace holds theirs."""
    found = []
    for each in psutil.process_iter(["cmdline", "status", "pid"]):
        line = " ".join(each.info["cmdline"] or [])
        if each.info["status"] != psutil.STATUS_ZOMBIE and any(program in line for program in programs):
            found.append(line)
    return found


if __name__ == "__main__":
    print(json.dumps({"folder": sys.argv[1]}), flush=True)
    main(Path(sys.argv[1]))
