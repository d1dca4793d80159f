"""Machines come by demand and leave without it; one that dies is noticed, its work is done elsewhere, and another one comes."""

import signal
import time

import pytest
import ray

from cluster.local import control, machine, processes
from tests.slow.cluster.conftest import MakeCluster, driver, until, workers
from tests.slow.conftest import Seen

pytestmark = pytest.mark.slow


@ray.remote(num_cpus=1, max_retries=5)
def work(seconds: float) -> str:
    time.sleep(seconds)
    return str(ray.get_runtime_context().get_node_id())


def test_from_no_machine_to_two_and_back(make_cluster: MakeCluster, seen: Seen) -> None:
    begun = time.monotonic()
    cluster = make_cluster((0, 2), idle_seconds=6)
    seen("cluster up, s", time.monotonic() - begun)
    assert control.autoscaler_runs(cluster)
    with driver(cluster):
        assert workers() == 0
        begun = time.monotonic()
        tasks = [work.remote(10) for _ in range(2)]
        until(lambda: workers() >= 1)
        seen("first machine after demand, s", time.monotonic() - begun)
        until(lambda: workers() == 2)
        seen("second machine after demand, s", time.monotonic() - begun)
        assert len(set(ray.get(tasks))) == 2
        seen("back to no machine after the work (idle limit 6 s), s", until(lambda: workers() == 0))
        until(lambda: [each.name for each in control.status(cluster)] == ["head"])
        again = time.monotonic()
        ray.get(work.remote(0))
        seen("first task of a second burst from no machine, s", time.monotonic() - again)


def test_a_dead_machine_is_noticed_replaced_and_its_work_done_again(make_cluster: MakeCluster, seen: Seen) -> None:
    cluster = make_cluster((2, 2))
    with driver(cluster):
        until(lambda: workers() == 2)
        tasks = [work.remote(0.5) for _ in range(60)]
        ray.wait(tasks, num_returns=24)  # longer than Ray spares a machine that has just joined
        begun = time.monotonic()
        assert control.kill(cluster, "w1") > 2
        until(lambda: workers() == 1, 10)  # by Ray's own settings it takes 15 s
        seen("death of a machine noticed, s", time.monotonic() - begun)
        until(lambda: workers() == 2)
        seen("machine replaced after its death, s", time.monotonic() - begun)
        assert len(ray.get(tasks, timeout=200)) == 60
        assert [each.name for each in control.status(cluster) if each.alive] == ["head", "w2", "w3"]


def test_a_silent_machine_is_noticed_replaced_and_its_work_done_again(make_cluster: MakeCluster, seen: Seen) -> None:
    """Its processes stop but its connections stay, as where a machine hangs or its cable is pulled."""
    cluster = make_cluster((2, 2))
    with driver(cluster):
        until(lambda: workers() == 2)
        tasks = [work.remote(0.5) for _ in range(60)]
        ray.wait(tasks, num_returns=24)  # longer than Ray spares a machine that has just joined
        stopped = processes.processes(cluster.identity, "w1")
        begun = time.monotonic()
        for each in stopped:
            processes.send(each, signal.SIGSTOP)
        until(lambda: workers() == 1, 10)  # by Ray's own settings it takes a minute
        seen("silence of a machine noticed, s", time.monotonic() - begun)
        until(lambda: workers() == 2)
        seen("machine replaced after its silence, s", time.monotonic() - begun)
        assert len(ray.get(tasks, timeout=200)) == 60
        for each in stopped:
            processes.send(each, signal.SIGCONT)
        until(lambda: [each.name for each in control.status(cluster)] == ["head", "w2", "w3"])


def test_a_machine_joined_by_hand_takes_work_and_stays(make_cluster: MakeCluster) -> None:
    cluster = make_cluster((0, 1), idle_seconds=3)
    with driver(cluster):
        joined = control.add(cluster)
        until(lambda: workers() == 1)
        own = ray.get(work.remote(0))
        held = work.options(max_retries=0).remote(600)
        elsewhere = work.remote(6)
        until(lambda: ray.cluster_resources()["CPU"] == 2 and ray.available_resources().get("CPU", 0) == 0)
        ray.cancel(held, force=True)  # from here on the machine joined by hand is idle, for longer than the other one
        assert ray.get(elsewhere) != own
        until(lambda: workers() == 1)
        assert ray.get(work.remote(0)) == own, "the autoscaler took its own machine only"
        assert machine.is_running(cluster, joined)


def test_a_drained_machine_ends_its_work_first(make_cluster: MakeCluster, seen: Seen) -> None:
    cluster = make_cluster((2, 2))
    with driver(cluster):
        until(lambda: workers() == 2)
        tasks = [work.options(max_retries=0).remote(6) for _ in range(2)]
        until(lambda: ray.available_resources().get("CPU", 0) == 0)
        begun = time.monotonic()
        left = control.kill(cluster, "w1", drain=True)
        seen("drain of a machine with 6 s of work, s", time.monotonic() - begun)
        assert left == 0, "a drained machine needs no force"
        assert len(ray.get(tasks)) == 2, "no task was lost: none may be tried again"


def test_it_ends_only_what_it_started(make_cluster: MakeCluster) -> None:
    one, two = make_cluster((1, 1)), make_cluster((1, 1))
    until(lambda: sum(each.alive for each in control.status(two)) == 2)
    control.down(one)
    with driver(two):
        assert workers() == 1
        assert ray.get(work.remote(0))
