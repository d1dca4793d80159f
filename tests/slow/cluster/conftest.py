"""Private local clusters for the slow proofs, with a driver on them; each is ended by its own mark."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import ray

from cluster.local import control, plan, processes
from cluster.local.plan import LocalCluster

MakeCluster = Callable[..., LocalCluster]


@pytest.fixture
def make_cluster() -> Iterator[MakeCluster]:
    """`make_cluster((0, 2), idle_seconds=6)`: up when it returns, gone after the test."""
    made: list[LocalCluster] = []

    def make(workers: tuple[int, int], **settings: Any) -> LocalCluster:
        cluster = plan.create(f"t{len(made)}{time.time_ns() % 10**8}", workers, **settings)
        made.append(cluster)
        control.up(cluster)
        return cluster

    yield make
    for cluster in made:
        control.down(cluster)
        assert processes.processes(cluster.identity) == []
        assert not cluster.folder.exists()


@contextmanager
def driver(cluster: LocalCluster) -> Iterator[None]:
    """Be a driver of that cluster for the time of the block."""
    control.use(cluster)
    ray.init(address=cluster.address, namespace="test", log_to_driver=False, logging_level="error")
    try:
        yield
    finally:
        ray.shutdown()


def workers() -> int:
    """Machines that Ray says are alive, the head not counted."""
    return sum(node["Alive"] and "node:__internal_head__" not in node["Resources"] for node in ray.nodes())


def addresses_of(actor: str) -> set[str]:
    """Addresses of the machines with a living actor whose class name begins so."""
    from ray._private.state import state

    found = [each for each in state.actor_table(None).values() if each["State"] == "ALIVE"]
    return {each["Address"]["IPAddress"] for each in found if each["ActorClassName"].startswith(actor)}


def until(condition: Callable[[], Any], seconds: float = 120) -> float:
    """Wait for other processes to get there; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"what the test waits for did not come within {seconds:g} s"
        time.sleep(0.05)
    return time.monotonic() - begun
