"""Whether every machine of a cluster can have HAProxy as its entrance, and a folder for it that nobody else gets into.

Serve has one setting for all machines, and it starts HAProxy with what the deploying machine chose. Machines that come later are
not asked. Needs a Ray session. Not for what HAProxy is told (entrance.py).
"""

import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

from cluster.errors import AddressError
from workloads.serving.address import require_free_port
from workloads.serving.haproxy import program, runs

PORT = "port"
_ANSWER_SECONDS = 60.0


def against_on_machines(folder: Path, ports: Sequence[int], head_alone: bool = False) -> str:
    """Why some machine, or the head alone, cannot; empty where all can, which have the folder then. Begins with PORT where it is one
    of the ports. A machine that dies meanwhile says nothing."""
    import ray
    from ray.exceptions import GetTimeoutError, RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(max_retries=0)(prepare)
    asked = {}
    for machine in _machines(head_alone):
        there = NodeAffinitySchedulingStrategy(machine, soft=False)
        asked[machine] = ask.options(num_cpus=0, scheduling_strategy=there).remote(str(folder), list(ports))
    for machine, answer in asked.items():
        try:
            reason = str(ray.get(answer, timeout=_ANSWER_SECONDS))
        except GetTimeoutError:
            reason = f"a machine did not say within {_ANSWER_SECONDS:g} s whether HAProxy runs there"
        except RayError as error:
            gone = machine not in _machines(head_alone)
            reason = "" if gone else f"a machine could not say whether HAProxy runs there ({type(error).__name__})"
        if reason:
            return reason
    return ""


def _machines(head_alone: bool) -> list[str]:
    """Ray's ids of those that are alive."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return [str(node["NodeID"]) for node in nodes if not head_alone or "node:__internal_head__" in node["Resources"]]


def prepare(folder: str, ports: Sequence[int]) -> str:
    """Make the folder on this machine, for its user alone; why HAProxy cannot run here, else empty."""
    name = socket.gethostname()
    if not runs(program()):
        return f"HAProxy does not run on {name}; it comes with ray[serve] on Linux"
    try:
        Path(folder).mkdir(mode=0o700, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return f"{folder} on {name} belongs to another user, or is no folder"
        Path(folder).chmod(0o700)
    except OSError as error:
        return f"{folder} on {name} cannot be used ({error.strerror})"
    for port in ports:
        try:
            require_free_port("0.0.0.0", port)
        except AddressError:
            return f"{PORT} {port} on {name} is taken"
    return ""
