"""The process that is a machine's entrance is killed: the other machines' answer as before, and this one has another soon."""

import time
from pathlib import Path

import httpx
import psutil
import pytest

from cluster.local import namespace
from cluster.local.processes import processes
from tests.slow.cluster.conftest import MakeCluster, driver, until
from tests.slow.cluster.endpoint import calling, serve_tiny, serves
from tests.slow.conftest import Seen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
KILLED = "an entrance is killed"


def test_an_entrance_that_is_killed_is_replaced_and_the_others_answer(
    make_cluster: MakeCluster, tmp_path: Path, seen: Seen
) -> None:
    if reason := namespace.missing():
        pytest.skip(f"machines with addresses of their own need namespaces: {reason}")
    cluster = make_cluster((2, 2), isolated=True)
    _, urls = serve_tiny(cluster, tmp_path)
    with driver(cluster):
        until(serves)
        with calling(urls[1]) as callers:
            callers.wait("before", 20)
            callers.phase = KILLED
            begun = time.monotonic()
            entrance_on("w1", cluster.identity).kill()
            until(lambda: not answers(urls[0]))
            until(lambda: answers(urls[0]))
            seen("entrance killed: its machine answers again after, s", time.monotonic() - begun)
            callers.wait(KILLED, 20)
        callers.show(seen, "before", KILLED)
        assert callers.failures() == []
        until(serves)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def entrance_on(machine: str, identity: str) -> psutil.Process:
    """The actor that has HAProxy run; both end with it."""
    (found,) = (each for each in processes(identity, machine) if "HAProxyManager" in " ".join(each.cmdline()))
    return found
