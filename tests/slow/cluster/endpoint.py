"""The real endpoint on a local cluster, and clients that never stop asking it. Not a test."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.gateway.serve import single_route, start_gateway, wait_ready
from cluster.artifacts import ArtifactStore
from cluster.local.plan import LocalCluster
from tests.slow.cluster.conftest import addresses_of, driver, until, workers
from tests.slow.conftest import Seen
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision, deployed
from workloads.serving.gateway_spec import LimitsSpec
from workloads.serving.spec import ServingSpec


class Callers:
    """Clients that never stop asking; what they got: phase, `200` or what went wrong, seconds."""

    def __init__(self, urls: list[str]) -> None:
        self.phase = "before"
        self.answers: list[tuple[str, str, float]] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(url,)) for url in urls]
        for each in self._threads:
            each.start()

    def _ask(self, url: str) -> None:
        body = {"model": "tiny", "prompt": "青石镇", "max_tokens": 4, "temperature": 0}
        while not self._ended.is_set():
            begun, phase = time.monotonic(), self.phase
            try:
                response = httpx.post(f"{url}/v1/completions", json=body, timeout=30)
                got = "200" if response.status_code == 200 else f"{response.status_code} {response.text[:200]}"
            except httpx.HTTPError as error:
                got = repr(error)
            if phase == "before":  # one that is on its way when something is done to the cluster counts to that
                phase = self.phase
            self.answers.append((phase, got, time.monotonic() - begun))
            self._ended.wait(0.05)

    def seconds(self, phase: str) -> list[float]:
        """How long each request of that phase took, also where it failed."""
        return [each[2] for each in self.answers if each[0] == phase]

    def wait(self, phase: str, count: int) -> None:
        """Until so many requests of that phase have ended, from now on."""
        enough = len(self.seconds(phase)) + count
        until(lambda: len(self.seconds(phase)) >= enough, 300)

    def failures(self, phase: str = "") -> list[tuple[str, str, float]]:
        """Those that got anything but an answer, in one phase or in all."""
        return [each for each in self.answers if each[1] != "200" and phase in ("", each[0])]

    def show(self, seen: Seen, *phases: str) -> None:
        """Requests, failures and the slowest one of each phase into the table."""
        for phase in phases:
            seen(f"requests, {phase}: answered", len(self.seconds(phase)) - len(self.failures(phase)))
            seen(f"requests, {phase}: failed", len(self.failures(phase)))
            seen(f"requests, {phase}: slowest, s", max(self.seconds(phase)))

    def end(self) -> None:
        self._ended.set()
        for each in self._threads:
            each.join()


@contextmanager
def calling(*urls: str, clients: int = 2) -> Iterator[Callers]:
    """So many clients for each address, for the time of the block."""
    callers = Callers([url for url in urls for _ in range(clients)])
    try:
        yield callers
    finally:
        callers.end()


def serve_tiny(cluster: LocalCluster, tmp_path: Path) -> tuple[ServingSpec, list[str]]:
    """The real endpoint on every machine, left there; how it is served, and its addresses on two machines."""
    spec = ServingSpec(
        host="0.0.0.0",
        port=free_port(),
        replicas=2,
        cpus_per_replica=0.5,
        threads=1,
        gateway_replicas=2,
        proxies="every",
        entrance="haproxy",
        limits=LimitsSpec(require_keys=False),
    )
    model = commit_model(ArtifactStore(str(tmp_path / "store")), write_model(tmp_path / "tiny", 1, 400), "1")
    with driver(cluster):
        until(lambda: workers() == 2)
        app = deploy_revision(spec, model, "1")
        start_gateway(spec, single_route("tiny", "1", app))
    urls = [f"http://{cluster.address_of(number)}:{spec.port}" for number in (1, 2)]
    for url in urls:
        wait_ready(url, 120)
    slots = 'hanlin_engine_slots{model="tiny",revision="1"} %.1f' % (2 * spec.slots)
    until(lambda: slots in httpx.get(f"{urls[0]}/metrics", timeout=30).text)  # those of both copies
    return spec, urls


def serves() -> bool:
    """Whether Serve's controller is there, has every application and finds every proxy well."""
    from ray import serve

    proxies = list(serve.status().proxies.values())
    return proxies == ["HEALTHY"] * 3 and set(deployed().values()) == {"RUNNING"}


def copies() -> set[str]:
    """Addresses of the machines that hold a copy of the model."""
    return addresses_of("ServeReplica:model-")
