"""A machine of its own for a node: its own processes wherever the kernel lets it, its own network too with --isolated.

Everything it makes carries the cluster's name and is removed with it. Not for the head, which stays where its user is.
"""

import functools
import logging
import os
import shutil
import subprocess
from collections.abc import Sequence

from cluster.errors import DependencyError
from cluster.local.plan import LocalCluster

logger = logging.getLogger(__name__)

_TOOLS = ("ip", "unshare", "mount")
_ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def missing() -> str:
    """What keeps isolation from working here, in words; empty where nothing does."""
    if os.geteuid() != 0:
        return "not root"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"no {', '.join(absent)} on the path (Debian: iproute2, util-linux)" if absent else ""


def require() -> None:
    """Raises DependencyError where machines cannot be isolated."""
    if reason := missing():
        raise DependencyError(f"--isolated: {reason}", "Linux, root, iproute2 and util-linux", "leave --isolated out")


def make_bridge(cluster: LocalCluster) -> None:
    """The wire between the machines; the head's address is on it."""
    bridge = _bridge(cluster)
    if _run("ip", "link", "show", bridge, check=False):
        return
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", bridge, "type", "bridge")
    _run("ip", "addr", "add", f"{cluster.head_address}/24", "dev", bridge)
    _run("ip", "link", "set", bridge, "up")


def remove_bridge(cluster: LocalCluster) -> None:
    _run("ip", "link", "del", _bridge(cluster), check=False)


def alone(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` where it sees no process but its own, as on another machine.

    Ray's drivers, and the agent that hands out a job's log, look through all processes for a raylet and prefer the head's
    (Ray 2.60): without this they ask the wrong machine, and die with the head.
    """
    return [*_way_alone(), *command]


@functools.cache
def _way_alone() -> tuple[str, ...]:
    for way in (_ALONE, (*_ALONE, "--map-current-user")):  # as root; as anyone else where the kernel allows it
        if shutil.which("unshare") and _run(*way, "true", check=False):
            return way
    logger.warning("machines share one process table (no unshare for this user): logs of jobs on them may be missing")
    return ()


def wrap(cluster: LocalCluster, machine: str, address: str, command: Sequence[str]) -> list[str]:
    """Make the machine's network; the command line that runs `command` in it with its own processes and folder."""
    space, wire = _space(cluster, machine), f"v{cluster.identity[:6]}{machine}"
    _run("ip", "netns", "add", space)
    _run("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", space)
    _run("ip", "link", "set", wire, "master", _bridge(cluster), "up")
    _run("ip", "-n", space, "link", "set", "lo", "up")
    _run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
    _run("ip", "-n", space, "link", "set", "eth0", "up")
    _run("ip", "-n", space, "route", "add", "default", "via", cluster.head_address)
    own = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
    folder = str(cluster.machine_folder(machine))
    return ["ip", "netns", "exec", space, *_ALONE, "sh", "-c", own, folder, *command]


def remove(cluster: LocalCluster, machine: str) -> None:
    """Remove the machine's network; its end of the wire goes with it."""
    _run("ip", "netns", "del", _space(cluster, machine), check=False)


def _bridge(cluster: LocalCluster) -> str:
    return f"b{cluster.identity[:10]}"


def _space(cluster: LocalCluster, machine: str) -> str:
    return f"hanlin-{cluster.identity[:8]}-{machine}"


def _run(*command: str, check: bool = True) -> bool:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise DependencyError(
            f"{' '.join(command)}: {done.stderr.strip()}", "a kernel with veth and bridge", "leave --isolated out"
        )
    return done.returncode == 0
