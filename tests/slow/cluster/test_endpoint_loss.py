"""The endpoint while a machine under it dies, and while the last one with copies is told to go: few requests fail, and none."""

import time
from pathlib import Path

import pytest

from cluster.local import control, namespace
from cluster.local.plan import LocalCluster
from tests.slow.cluster.conftest import MakeCluster, driver, until
from tests.slow.cluster.endpoint import calling, copies, serve_tiny
from tests.slow.conftest import Seen
from workloads.serving.deploy import deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DRAIN, LOSS = "a machine drains", "a machine dies"


def test_requests_outlive_a_machine_that_drains_and_one_that_dies(
    make_cluster: MakeCluster, tmp_path: Path, seen: Seen
) -> None:
    if reason := namespace.missing():
        pytest.skip(f"machines with addresses of their own need namespaces: {reason}")
    cluster = make_cluster((2, 2), isolated=True)
    spec, urls = serve_tiny(cluster, tmp_path)
    with driver(cluster):
        until(lambda: len(copies()) == 2)
        with calling(urls[1]) as callers:  # as behind a balancer that has taken the other machine out
            callers.wait("before", 50)
            callers.phase = LOSS
            control.kill(cluster, "w1")
            until(lambda: newcomers(cluster), 300)
            callers.wait(LOSS, 100)
            until(lambda: len(copies()) == 1 and set(deployed().values()) == {"RUNNING"}, 300)
            callers.phase = "after"
            callers.wait("after", 50)
        callers.show(seen, "before", LOSS, "after")
        assert callers.failures("before") + callers.failures("after") == []
        assert len(callers.failures(LOSS)) < len(callers.seconds(LOSS)) / 2

        new, address = newcomers(cluster)[0], cluster.address_of(2)
        assert copies() == {address}, "all copies are on the machine that is told to go"
        with calling(f"http://{cluster.head_address}:{spec.port}") as callers:  # the head has an entrance, and no copy
            callers.wait("before", 20)
            callers.phase = DRAIN
            begun = time.monotonic()
            assert control.kill(cluster, "w2", drain=True) == 0, "a drained machine needs no force"
            seen("drain of a machine with all copies of the model, s", time.monotonic() - begun)
            assert copies() == {new}
            callers.wait(DRAIN, 50)
        callers.show(seen, DRAIN)
        assert callers.failures() == []


def newcomers(cluster: LocalCluster) -> list[str]:
    """Addresses of the machines that are alive and came after the first two."""
    return [each.address for each in control.status(cluster) if each.alive and each.name not in ("head", "w1", "w2")]
