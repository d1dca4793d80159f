"""A Ray whose every port listens on loopback only, so that nobody on the network can even knock.

Ray binds to all interfaces wherever it supports clusters; where it does not (macOS, Windows) it uses loopback by itself. A
private session is no cluster, so it asks for the same (seen with Ray 2.60: GCS, raylets, agents, workers and metrics alike).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import environment

_CONNECT_SECONDS = 1.0


@contextmanager
def loopback_only() -> Iterator[None]:
    """For the time of the block, a Ray that this process starts or joins is on loopback.

    Ray reads the variable once, at import, so the switch is set in both places.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        with environment.variable(environment.LOOPBACK_SWITCH, "0"):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def listens_on_loopback_only(host: str, port: int) -> bool:
    """Whether the Ray at this address of our own machine is one that `loopback_only` started."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        return False
    from ray._private.services import get_node_ip_address

    return not _answers(get_node_ip_address(), port)  # type: ignore[no-untyped-call]


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def private_folder() -> Path | None:
    """The closed folder (mode 0700) of the session that this process is a driver of, if that is on loopback; else None."""
    from ray._private import ray_constants, worker

    node: Any = worker._global_node
    return None if ray_constants.ENABLE_RAY_CLUSTER or node is None else Path(node.get_temp_dir_path()).parent
