"""The machines of a local cluster: each a `ray start --block`, all below it, and a record that outlives the head.

Not for deciding when one comes or goes: the autoscaler and the commands do.
"""

import itertools
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import psutil

from cluster.local import namespace
from cluster.local.launch import Machine, command_of, environment_of
from cluster.local.plan import LocalCluster, write_whole
from cluster.local.processes import command_line, mark_of, mark_text, processes, send


def new_worker(cluster: LocalCluster, tags: Mapping[str, str]) -> Machine:
    """The record of a machine that is about to start: a name that was never used, an address that is free."""
    number = _take(cluster.folder, "w")
    address = _take(cluster.folder / "addresses", "")
    return Machine(f"w{number}", number, cluster.address_of(address), dict(tags))


def _take(folder: Path, prefix: str) -> int:
    """The smallest number that nobody has taken: making a folder is what takes it."""
    folder.mkdir(exist_ok=True)
    for number in itertools.count(1):
        try:
            (folder / f"{prefix}{number}").mkdir(mode=0o700)
        except FileExistsError:
            continue
        return number
    raise AssertionError("count has no end")


def start(cluster: LocalCluster, machine: Machine) -> "subprocess.Popen[bytes]":
    """Start the machine's processes in a session of their own; its output goes to `ray.log` in its folder."""
    folder = cluster.machine_folder(machine.name)
    folder.mkdir(mode=0o700, exist_ok=True)
    command = command_of(cluster, machine)
    if not machine.is_head:
        isolated = cluster.isolated
        command = namespace.wrap(cluster, machine.name, machine.address, command) if isolated else namespace.alone(command)
    with (folder / "ray.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment_of(cluster, machine),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    write_whole(folder / "machine.json", json.dumps(asdict(machine) | {"pid": process.pid}))
    return process


def machines(cluster: LocalCluster) -> list[Machine]:
    """Every machine with a record, dead or alive, in order of their numbers."""
    found = []
    for path in cluster.folder.glob("*/machine.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        found.append(Machine(record["name"], record["number"], record["address"], record["tags"]))
    return sorted(found, key=lambda machine: machine.number)


def is_running(cluster: LocalCluster, machine: Machine) -> bool:
    """Whether the machine's first process lives (a zombie does not)."""
    try:
        pid = json.loads((cluster.machine_folder(machine.name) / "machine.json").read_text(encoding="utf-8"))["pid"]
        process = psutil.Process(pid)
        return mark_of(process) == mark_text(cluster.identity, machine.name)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return False


def drain(cluster: LocalCluster, machine: Machine) -> None:
    """Tell a machine to go: `ray start --block` drains its node for DRAIN_SECONDS at most, then ends it."""
    for process in processes(cluster.identity, machine.name):
        line = command_line(process)
        if "ray.scripts.scripts start --block" in line and Path(line.split()[0]).name.startswith("python"):
            send(process, signal.SIGTERM)


def forget(cluster: LocalCluster, machine: Machine) -> None:
    """Drop the record, the address and what the isolation made; its folder stays, for its logs."""
    (cluster.machine_folder(machine.name) / "machine.json").unlink(missing_ok=True)
    shutil.rmtree(cluster.folder / "addresses" / str(cluster.number_of(machine.address)), ignore_errors=True)
    if cluster.isolated:
        namespace.remove(cluster, machine.name)


def wait_until_gone(cluster: LocalCluster, machine: Machine, seconds: float) -> bool:
    """Whether the machine ended within that time."""
    deadline = time.monotonic() + seconds
    while processes(cluster.identity, machine.name):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def last_words(cluster: LocalCluster, machine: str, lines: int = 5) -> str:
    """The end of a machine's own log, for an error message."""
    try:
        return " | ".join((cluster.machine_folder(machine) / "ray.log").read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
