"""One machine of a local cluster: a `ray start --block` and every process below it, found again by a mark in the environment.

It ends only processes that carry the mark of its own cluster. Not for deciding when: the autoscaler and the commands do.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cluster import environment
from cluster.errors import AddressError
from cluster.local import namespace
from cluster.local.plan import HEAD, LocalCluster, write_whole

MARK = "HANLIN_MACHINE"
DRAIN_SECONDS = 30  # how long a machine that is told to go lets its replicas leave and its training save

# A dead machine is noticed after threshold x period: at most 2 s, against 15 s by Ray's defaults (FACTS: 0.6 s at 2 x 0.5 s).
# Nodes wait long for a head that comes back; the embedded store keeps what it knew (ray-project/ray#63657).
RAY_SETTINGS = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "3",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}


@dataclass(frozen=True)
class Machine:
    """What is known of a machine without asking it. `tags` are the autoscaler's; a machine added by hand has none."""

    name: str
    number: int  # 0: the head
    address: str
    tags: dict[str, str]

    @property
    def is_head(self) -> bool:
        return self.name == HEAD


def head_of(cluster: LocalCluster) -> Machine:
    return Machine(HEAD, 0, cluster.head_address, {})


def new_worker(cluster: LocalCluster, tags: dict[str, str]) -> Machine:
    """The record of a machine that is about to start; its number is taken by making its folder."""
    number = 1
    while True:
        try:
            cluster.machine_folder(f"w{number}").mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        return Machine(f"w{number}", number, cluster.address_of(number), tags)


def start(cluster: LocalCluster, machine: Machine) -> "subprocess.Popen[bytes]":
    """Start the machine's processes in a session of their own; its output goes to `ray.log` in its folder."""
    folder = cluster.machine_folder(machine.name)
    folder.mkdir(mode=0o700, exist_ok=True)
    command = _head_command(cluster) if machine.is_head else _worker_command(cluster, machine)
    if cluster.isolated and not machine.is_head:
        command = namespace.wrap(cluster, machine.name, machine.address, command)
    with (folder / "ray.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=_environment(cluster, machine),
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
        return process.status() != psutil.STATUS_ZOMBIE and _mark_of(process) == _mark(cluster, machine.name)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return False


def processes(cluster: LocalCluster, machine: str = "") -> list[psutil.Process]:
    """Live processes of a machine, or of the whole cluster; never the calling one."""
    wanted = _mark(cluster, machine)
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid()
        and (mark := _mark_of(process))
        and (mark == wanted if machine else mark.startswith(wanted))
    ]


def drain(cluster: LocalCluster, machine: Machine) -> None:
    """Tell a machine to go: `ray start --block` drains its node for DRAIN_SECONDS at most, then ends it."""
    for process in processes(cluster, machine.name):
        if _is_ray_start(process):
            _signal(process, signal.SIGTERM)


def kill(cluster: LocalCluster, machine: Machine) -> int:
    """End every process of the machine at once, as a power cut does; how many there were."""
    return sum(_end(iter(lambda: processes(cluster, machine.name), [])))


def kill_all(cluster: LocalCluster) -> int:
    """End every process of the cluster, the head's first so that nothing is started again."""
    ended = kill(cluster, head_of(cluster))
    return ended + sum(_end(iter(lambda: processes(cluster), [])))


def forget(cluster: LocalCluster, machine: Machine) -> None:
    """Drop the record and what the isolation made; its folder stays, for its logs and so that its name is not taken again."""
    (cluster.machine_folder(machine.name) / "machine.json").unlink(missing_ok=True)
    if cluster.isolated:
        namespace.remove(cluster, machine.name)


def wait_until_gone(cluster: LocalCluster, machine: Machine, seconds: float) -> bool:
    """Whether the machine ended within that time."""
    deadline = time.monotonic() + seconds
    while processes(cluster, machine.name):
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


def memory(processes: list[psutil.Process]) -> int:
    """Resident bytes of those processes; pages that they share count in each."""
    total = 0
    for each in processes:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _end(rounds: Iterator[list[psutil.Process]]) -> Iterator[int]:
    """Kill until no new process shows: one may be born between the look and the signal."""
    for round_number, found in enumerate(rounds):
        for process in found:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(found, timeout=5)
        if round_number > 10:
            raise AddressError(f"{len(found)} processes do not end", "", "look at them with ps and end them by their ids")
        yield len(found)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _is_ray_start(process: psutil.Process) -> bool:
    return "ray.scripts.scripts start --block" in (line := command_line(process)) and Path(line.split()[0]).name.startswith(
        "python"
    )


def _mark(cluster: LocalCluster, machine: str = "") -> str:
    return f"{cluster.identity}/{machine}"


def _mark_of(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(process.environ().get(MARK, ""))
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return ""


def _environment(cluster: LocalCluster, machine: Machine) -> dict[str, str]:
    own = {
        **RAY_SETTINGS,
        MARK: _mark(cluster, machine.name),
        environment.NODE_ADDRESS: machine.address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(cluster.token_file),
        "RAY_CLOUD_INSTANCE_ID": machine.name,
        "RAY_NODE_TYPE_NAME": machine.tags.get("ray-user-node-type", machine.name if machine.is_head else "by-hand"),
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(0 if machine.is_head else DRAIN_SECONDS),
    }
    if machine.is_head:
        own |= {
            "RAY_gcs_storage": "rocksdb",
            "RAY_gcs_storage_path": str(cluster.store),
            "AUTOSCALER_METRIC_PORT": str(cluster.autoscaler_metrics_port),
            "DASHBOARD_METRIC_PORT": str(cluster.dashboard_metrics_port),
        }
    return environment.for_node(own)


def _ray_start(cluster: LocalCluster, machine: Machine) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
        f"--node-ip-address={machine.address}",
        f"--temp-dir={cluster.machine_folder(machine.name)}",
        f"--object-store-memory={cluster.object_store}",
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--dashboard-agent-listen-port=0",
        "--disable-usage-stats",
    ]


def _head_command(cluster: LocalCluster) -> list[str]:
    """The head takes no tasks: its loss then costs none."""
    return [
        *_ray_start(cluster, head_of(cluster)),
        "--head",
        f"--port={cluster.port}",
        f"--ray-client-server-port={cluster.client_port}",
        "--num-cpus=0",
        "--num-gpus=0",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={cluster.dashboard_port}",
        f"--autoscaling-config={cluster.config_file}",
    ]


def _worker_command(cluster: LocalCluster, machine: Machine) -> list[str]:
    return [
        *_ray_start(cluster, machine),
        f"--address={cluster.address}",
        f"--num-cpus={cluster.worker_cpus:g}",
        "--num-gpus=0",
        f"--memory={cluster.worker_memory}",
    ]
