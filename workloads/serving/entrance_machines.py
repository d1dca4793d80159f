"""Whether every machine of a cluster can have HAProxy as its entrance, and a folder for it that nobody else gets into.

Serve has one setting for all machines, and it starts HAProxy with what the deploying machine chose. Machines that come later are
not asked. Needs a Ray session. Not for what HAProxy is told (entrance.py).
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from workloads.serving.haproxy import program, runs

_ANSWER_SECONDS = 60.0


def against_on_machines(folder: Path, ports: Sequence[int]) -> str:
    """Why some machine cannot; empty where all can, which have the folder then. A machine that dies meanwhile says nothing."""
    import ray
    from ray.exceptions import GetTimeoutError, RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(prepare)
    alive = [str(node["NodeID"]) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(each, soft=False)).remote(str(folder), list(ports))
        for each in alive
    ]
    for answer in asked:
        try:
            if reason := str(ray.get(answer, timeout=_ANSWER_SECONDS)):
                return reason
        except GetTimeoutError:
            return f"a machine did not say within {_ANSWER_SECONDS:g} s whether HAProxy runs there"
        except RayError:
            continue
    return ""


def prepare(folder: str, ports: Sequence[int]) -> str:
    """Make the folder on this machine, for its user alone; why HAProxy cannot run here, else empty."""
    name = socket.gethostname()
    if not runs(program()):
        return f"HAProxy does not run on {name}; it comes with ray[serve] on Linux"
    path = Path(folder)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            return f"{folder} on {name} belongs to another user"
        path.chmod(0o700)
    except OSError as error:
        return f"{folder} on {name} cannot be used ({error.strerror})"
    taken = [port for port in ports if not _is_free(port)]
    return f"port {taken[0]} on {name} is taken" if taken else ""


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
