"""What one machine more costs a head: measured on a real head with machines that only exist in its table, and with real ones.

A paper machine answers health checks and nothing else, so hundreds fit here; what a real one adds (its stream of resources, its
metrics) is measured on a few. The model multiplies and adds; it knows no congestion.
"""

import logging
import socket
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import psutil
import ray
from ray._private.grpc_utils import init_grpc_channel
from ray._raylet import Config, GcsClient
from ray.core.generated import gcs_pb2, gcs_service_pb2, gcs_service_pb2_grpc

from cluster.local import control, plan, processes
from cluster.local.launch import RAY_SETTINGS
from cluster.local.plan import HEAD, LocalCluster

_REAL_MACHINES = 4  # after a first one, with which the head opens what it shares among all
_WATCH_SECONDS = 15.0
_SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse(status=SERVING)
_GIB = 1 << 30


@dataclass(frozen=True)
class Constant:
    """One figure of the model and where it comes from."""

    what: str
    figure: float
    unit: str
    source: str


@dataclass(frozen=True)
class Sample:
    """The head's processes at one time. Bytes, open files, processor seconds so far."""

    gcs_memory: int
    all_memory: int
    gcs_files: int
    gcs_cpu: float
    taken: float

    @staticmethod
    def of(cluster: LocalCluster) -> "Sample":
        everything = processes.processes(cluster.identity, HEAD)
        gcs = next(each for each in everything if "gcs_server" in processes.command_line(each))
        spent = gcs.cpu_times()
        memory = sum(_unshared(each) for each in everything)
        return Sample(_unshared(gcs), memory, gcs.num_fds(), spent.user + spent.system, time.monotonic())


def _unshared(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.NoSuchProcess:
        return 0


@dataclass
class _Health(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every health check, for all paper machines at one address, and counts."""

    calls: int = 0
    _handler: object = field(init=False)

    def __post_init__(self) -> None:
        self._handler = grpc.unary_unary_rpc_method_handler(self._check)

    def service(self, details: grpc.HandlerCallDetails) -> object:
        return self._handler if details.method.endswith("Health/Check") else None

    def _check(self, request: bytes, context: object) -> bytes:
        self.calls += 1
        return _SERVING


def measure_head(nodes: int) -> list[Constant]:
    """Bring a head up, add paper machines, then a few real ones; end all of it."""
    cluster = plan.create(f"s{time.time_ns() % 10**8}", (0, 1))
    try:
        control.up(cluster)
        control.use(cluster)
        empty = _rest(cluster)[1]
        paper = _with_paper_machines(cluster, nodes, empty)
    finally:
        control.down(cluster)
    return [*paper, *_with_real_machines(), *_settings()]


def _with_paper_machines(cluster: LocalCluster, nodes: int, empty: Sample) -> list[Constant]:
    with _paper_machines(cluster, nodes) as health:
        time.sleep(5)  # registered, announced, first checks done
        counted = health.calls
        before, after = _rest(cluster)
        calls = (health.calls - counted) / (after.taken - before.taken)
        alive = len(GcsClient(address=cluster.address).get_all_node_info(state_filter=gcs_pb2.GcsNodeInfo.ALIVE)) - 1
    share = (after.gcs_cpu - before.gcs_cpu) / (after.taken - before.taken)
    source = f"measured, {alive} machines in the head's table"
    return [
        Constant("gcs_base_memory", empty.gcs_memory / _GIB, "GiB", "measured, no machine"),
        Constant("head_base_memory", empty.all_memory / _GIB, "GiB", "measured, all processes of an empty head"),
        Constant("gcs_memory", (after.gcs_memory - empty.gcs_memory) / nodes / 1024, "KiB", source),
        Constant("head_memory", (after.all_memory - empty.all_memory) / nodes / 1024, "KiB", f"{source}, GCS included"),
        Constant("health_calls", calls / nodes, "per second", source),
        Constant("gcs_cpu", 1000 * share / nodes, "ms of a processor per second", source),
        Constant("gcs_base_files", empty.gcs_files, "", "measured, no machine"),
        Constant("gcs_files", (after.gcs_files - empty.gcs_files) / nodes, "", f"{source}; all share one address"),
    ]


def _with_real_machines() -> list[Constant]:
    cluster = plan.create(f"r{time.time_ns() % 10**8}", (0, 1))
    try:
        control.up(cluster)
        control.use(cluster)
        _join(cluster, 1)
        first = _rest(cluster)[1]
        _join(cluster, _REAL_MACHINES)
        full = _rest(cluster)[1]
        series = _series(cluster)
    finally:
        control.down(cluster)
    source = f"measured, {_REAL_MACHINES} real machines, no work"
    return [
        Constant("real_gcs_memory", (full.gcs_memory - first.gcs_memory) / _REAL_MACHINES / 1024, "KiB", source),
        Constant("real_gcs_files", (full.gcs_files - first.gcs_files) / _REAL_MACHINES, "", source),
        Constant("series", series, "", f"{source}; each process of work adds its own"),
    ]


def _join(cluster: LocalCluster, machines: int) -> None:
    wanted = sum(each.alive for each in control.status(cluster)) + machines
    for _ in range(machines):
        control.add(cluster)
    _until(lambda: sum(each.alive for each in control.status(cluster)) == wanted)
    time.sleep(20)  # agents up, first metrics out


def _settings() -> list[Constant]:
    """What Ray and this project have set, no measurement."""
    return [
        Constant("health_period", int(RAY_SETTINGS["RAY_health_check_period_ms"]) / 1000, "s", "cluster/local/launch.py"),
        Constant(
            "task_events", Config.task_events_max_num_task_in_gcs(), "tasks kept", "Ray's RAY_task_events_max_num_task_in_gcs"
        ),
    ]


@contextmanager
def _paper_machines(cluster: LocalCluster, nodes: int) -> Iterator[_Health]:
    health = _Health()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((health,))
    port = server.add_insecure_port(f"{cluster.head_address}:0")
    server.start()
    try:
        with init_grpc_channel(cluster.address) as channel:
            stub = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel)
            known = stub.GetClusterId(gcs_service_pb2.GetClusterIdRequest()).cluster_id
            for number in range(nodes):
                request = gcs_service_pb2.RegisterNodeRequest(node_info=_info(cluster.head_address, port, number))
                stub.RegisterNode(request, metadata=(("ray_cluster_id", known.hex()),), timeout=30)
        yield health
    finally:
        server.stop(0)


def _info(address: str, port: int, number: int) -> gcs_pb2.GcsNodeInfo:
    info = gcs_pb2.GcsNodeInfo(
        node_id=(uuid.uuid4().bytes + uuid.uuid4().bytes)[:28],
        node_manager_address=address,
        node_manager_port=port,
        node_manager_hostname=f"paper-{number}",
        node_name=f"paper-{number}",
        state=gcs_pb2.GcsNodeInfo.ALIVE,
        start_time_ms=int(time.time() * 1000),
    )
    info.resources_total["CPU"], info.resources_total["memory"] = 16, 64 << 30
    info.labels["ray.io/node-group"] = "paper"
    return info


def _rest(cluster: LocalCluster) -> tuple[Sample, Sample]:
    """Two samples some seconds apart: the state before and after a while in which nothing is asked for."""
    before = Sample.of(cluster)
    time.sleep(_WATCH_SECONDS)
    return before, Sample.of(cluster)


def _series(cluster: LocalCluster) -> float:
    """Time series that a machine without work offers to Prometheus."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        workers = [each for each in ray.nodes() if each["Alive"] and "node:__internal_head__" not in each["Resources"]]
        counts = []
        for each in workers:
            with urllib.request.urlopen(
                f"http://{each['NodeManagerAddress']}:{each['MetricsExportPort']}/metrics", timeout=30
            ) as reply:
                lines = reply.read().decode().splitlines()
            counts.append(sum(bool(line) and not line.startswith("#") for line in lines))
    finally:
        ray.shutdown()
    return sum(counts) / len(counts)


def _until(condition: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the machines did not join within {seconds:g} s on {socket.gethostname()}")
        time.sleep(1)


def model_of(constants: Sequence[Constant], sizes: tuple[int, ...]) -> list[tuple[str, list[str]]]:
    """The rows of the table: what a head needs with so many machines, by straight multiplication."""
    value = {each.what: each.figure for each in constants}
    gcs = max(value["gcs_memory"], value["real_gcs_memory"]) * 1024 / _GIB
    others = (value["head_memory"] - value["gcs_memory"]) * 1024 / _GIB
    files = max(value["gcs_files"], value["real_gcs_files"])
    checks = 1 / value["health_period"]
    return [
        ("memory of the GCS, GiB", [f"{value['gcs_base_memory'] + n * gcs:.2f}" for n in sizes]),
        ("memory of the head, GiB", [f"{value['head_base_memory'] + n * (gcs + others):.2f}" for n in sizes]),
        ("health checks per second", [f"{n * checks:,.0f}" for n in sizes]),
        ("processors for the table and the checks", [f"{n * value['gcs_cpu'] / 1000:.2f}" for n in sizes]),
        ("metrics series without work", [f"{n * value['series']:,.0f}" for n in sizes]),
        ("open files of the GCS", [f"{value['gcs_base_files'] + n * files:,.0f}" for n in sizes]),
        ("messages per second where each machine changes once a second", [f"{n * n:,}" for n in sizes]),
        ("task events kept (a fixed ring)", [f"{value['task_events']:,.0f}" for _ in sizes]),
    ]
