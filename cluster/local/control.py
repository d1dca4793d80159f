"""The life of a local cluster: up, down, a machine killed or added, and what can be seen of it.

Not for how many machines there are: that is the autoscaler's, by demand.
"""

import json
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import environment
from cluster.errors import AddressError, ResourceError
from cluster.local import machine as machines
from cluster.local import namespace, processes
from cluster.local.autoscaling import autoscaler_config
from cluster.local.launch import DRAIN_SECONDS, Machine, head_of
from cluster.local.plan import HEAD, LocalCluster
from cluster.session import use_token

UP_SECONDS = 120.0
STARTS = 3  # as a supervisor would: a raylet waits 15 s for its agents, too few on a busy computer (ray-project/ray#65983)


@dataclass(frozen=True)
class NodeState:
    """One line of the status. `alive`: Ray's word; `processes`: what the machine itself has running."""

    name: str
    address: str
    alive: bool
    processes: int
    memory: int
    cpus: float


def up(cluster: LocalCluster) -> float:
    """Start the head, again where it was lost; seconds until it answered. Raises AddressError where it does not."""
    if cluster.isolated:
        namespace.require()
    begun = time.monotonic()
    if not cluster.folder.exists():
        cluster.save()
        _write_token(cluster.token_file)
        cluster.config_file.write_text(json.dumps(autoscaler_config(cluster), indent=1), encoding="utf-8")
    if cluster.isolated:
        namespace.make_bridge(cluster)
    for _ in range(STARTS):
        if _start_head(cluster):
            return time.monotonic() - begun
    raise AddressError(f"the head ended {STARTS} times: {machines.last_words(cluster, HEAD)}", "", "mend that and try again")


def _start_head(cluster: LocalCluster) -> bool:
    """Whether the head answers; False where it ended. Raises AddressError where it does neither."""
    begun, now = time.monotonic(), time.time()
    processes.end(cluster.identity, HEAD)  # what is left of a head that was lost
    (cluster.machine_folder(HEAD) / "ray_current_cluster").unlink(missing_ok=True)  # else living workers pass for a head
    process = machines.start(cluster, head_of(cluster))
    while not (_has_head(cluster, now) and _listens("127.0.0.1", cluster.dashboard_port)):
        if process.poll() is not None:
            return False
        if time.monotonic() - begun > UP_SECONDS:
            raise AddressError(f"the head does not answer after {UP_SECONDS:.0f} s", "", f"see {cluster.folder}/head/ray.log")
        time.sleep(0.1)
    return True


def down(cluster: LocalCluster) -> int:
    """End every process of the cluster and remove its folder, store and token; how many processes there were."""
    ended = processes.end(cluster.identity, HEAD) + processes.end(cluster.identity)
    if cluster.isolated:
        for each in machines.machines(cluster):
            namespace.remove(cluster, each.name)
        namespace.remove_bridge(cluster)
    shutil.rmtree(cluster.folder, ignore_errors=True)
    return ended


def kill(cluster: LocalCluster, name: str, drain: bool = False) -> int:
    """End a machine at once, as a power cut does, or tell it to go (`drain`); how many processes were ended."""
    found = _find(cluster, name)
    if drain:
        machines.drain(cluster, found)
        machines.wait_until_gone(cluster, found, DRAIN_SECONDS + 15)
    ended = processes.end(cluster.identity, name)
    if not found.is_head and not found.tags:
        machines.forget(cluster, found)  # joined by hand: the autoscaler clears away its own only
    return ended


def add(cluster: LocalCluster) -> Machine:
    """Join one more machine by hand, as `ray start --address` does; the autoscaler leaves it alone."""
    taken = [each for each in machines.machines(cluster) if not each.is_head and machines.is_running(cluster, each)]
    if len(taken) >= 250:
        raise ResourceError(f"{len(taken)} machines", "250 on one local cluster", "kill one first")
    new = machines.new_worker(cluster, {})
    machines.start(cluster, new)
    return new


def answers(cluster: LocalCluster) -> bool:
    """Whether the head takes calls."""
    return bool(_ray_nodes(cluster))


def status(cluster: LocalCluster) -> list[NodeState]:
    """Every machine, the head first."""
    alive = _ray_nodes(cluster)
    states = []
    for each in machines.machines(cluster):
        own = processes.processes(cluster.identity, each.name)
        if own or each.is_head:
            cpus = alive.get(each.name)
            states.append(NodeState(each.name, each.address, cpus is not None, len(own), processes.memory(own), cpus or 0.0))
    return states


def autoscaler_runs(cluster: LocalCluster) -> bool:
    """Ray does not start a dead autoscaler again, and says so only in a log (Ray 2.60, autoscaler/v2/monitor.py)."""
    return any("monitor.py" in processes.command_line(each) for each in processes.processes(cluster.identity, HEAD))


def use(cluster: LocalCluster) -> None:
    """Let this process, and those it starts, authenticate to the cluster."""
    environment.use_token_file(cluster.token_file)
    use_token()


def _has_head(cluster: LocalCluster, since: float) -> bool:
    """Whether Ray has a head that started after that time: a lost one stays in its table for some seconds."""
    return any(each.is_head_node and each.start_time_ms >= since * 1000 for each in _alive(cluster))


def _ray_nodes(cluster: LocalCluster) -> dict[str, float]:
    """Machine -> processors of every node that Ray says is alive; empty where the head does not answer.

    Not by address: a new machine may have that of a dead one, which Ray takes for alive a little longer.
    """
    return {each.instance_id: each.resources_total.get("CPU", 0.0) for each in _alive(cluster)}


def _alive(cluster: LocalCluster) -> list[Any]:
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.gcs_pb2 import GcsNodeInfo  # type: ignore[attr-defined]
    from ray.exceptions import RayError

    use(cluster)
    try:
        if not _listens(cluster.head_address, cluster.port):  # Ray's client would try for 40 s
            return []
        infos = GcsClient(address=cluster.address).get_all_node_info(timeout=5, state_filter=GcsNodeInfo.GcsNodeState.ALIVE)
    except RayError:
        return []
    return list(infos.values())


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _find(cluster: LocalCluster, name: str) -> Machine:
    known = {each.name: each for each in machines.machines(cluster)}
    if name not in known:
        raise AddressError(f"no machine {name!r} in cluster {cluster.name!r}", ", ".join(known), "see `hanlin cluster status`")
    return known[name]


def _write_token(path: Path) -> None:
    """A new token that only this user can read, from the first byte on."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(secrets.token_hex(32), encoding="ascii")
