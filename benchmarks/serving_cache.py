"""Kept answers over HTTP: requests per second and times at 16 clients, beside Ray Serve's default path in the same run.

    python benchmarks/serving_cache.py [--clients 16] [--seconds 5] [--rounds 5]

Each endpoint is a process of its own with its own Ray session, all up at once, and the rounds go in turns, so that a noisy
machine disturbs all alike: read the ratios. `default` is a Ray Serve deployment that does nothing, through Ray's Python proxy;
`nothing` is the same on the fast path (HAProxy, throughput mode), and so the limit of what a kept answer can reach there; `hit`
is a kept chat answer of 64 tokens, with its whole way: API key, route, cache; `streamed` the same as a stream. All clients share
one process; its time is part of every figure. `--bare`: the gateway alone, without Ray and its peer.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.bare_gateway import bare_gateway

QUESTION = {
    "model": "bench",
    "messages": [{"role": "user", "content": "把钱退给花呗了，什么花呗金额，没变"}],
    "temperature": 0,
    "max_tokens": 64,
}


@dataclass(frozen=True)
class Target:
    """What one figure is measured on. `pid` is the process that answers."""

    name: str
    port: int
    request: bytes
    pid: int


@dataclass(frozen=True)
class Round:
    per_second: float
    milliseconds: list[float]
    processor_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bare", action="store_true", help="without Ray")
    parser.add_argument("--serve", choices=("default", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if options.bare:
        with tempfile.TemporaryDirectory() as folder:
            key = new_keys(Path(folder))
            with bare_gateway(8, str(Path(folder) / "keys.json")) as (port, pid):
                targets = targets_of({"port": port, "pids": {"gateway": pid}, "key": key})
                measure(targets, options.clients, options.seconds, options.rounds)
        return
    with endpoint("default") as default, endpoint("ours") as ours:
        targets = [*targets_of(default), *targets_of(ours)]
        measure(targets, options.clients, options.seconds, options.rounds)


def measure(targets: list[Target], clients: int, seconds: float, rounds: int) -> None:
    found: dict[str, list[Round]] = {target.name: [] for target in targets}
    for number in range(rounds + 1):
        for target in targets:
            one = asyncio.run(load(target, clients, seconds if number else 1.0))
            if number:  # the first is a warm-up
                found[target.name].append(one)
    base = statistics.median(each.per_second for each in found[targets[0].name])
    print(f"{'':>10} {'req/s':>8} {'(min-max)':>14} {'by first':>10} {'p50 ms':>7} {'p95 ms':>7} {'CPU ms/req':>10}")
    for name, results in found.items():
        speeds = sorted(each.per_second for each in results)
        times = sorted(ms for each in results for ms in each.milliseconds)
        processor = statistics.median(each.processor_ms for each in results)
        span = f"({speeds[0]:.0f}-{speeds[-1]:.0f})"
        print(
            f"{name:>10} {statistics.median(speeds):8.0f} {span:>14} {statistics.median(speeds) / base:10.2f}"
            f" {statistics.median(times):7.1f} {times[int(0.95 * len(times))]:7.1f} {processor:10.3f}"
        )


async def load(target: Target, clients: int, seconds: float) -> Round:
    """As many requests as `clients` connections take in that time."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        while (began := time.perf_counter()) < end:
            writer.write(target.request)
            status, body = await read_answer(reader)
            times.append(1000 * (time.perf_counter() - began))
            if status != 200:
                raise RuntimeError(f"{target.name}: {status} {body[:200]!r}")
        writer.close()

    process = psutil.Process(target.pid)
    before, started = process.cpu_times(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    wall, after = time.perf_counter() - started, process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return Round(len(times) / wall, times, 1000 * used / len(times))


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One HTTP/1.1 answer of a connection that stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    _, _, rest = head.partition(b"content-length: ")
    if rest:
        return status, await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return status, body


def targets_of(facts: dict[str, Any]) -> list[Target]:
    """What an endpoint offers to measure, each asked twice before, so that its answer is kept."""
    port, pids = facts["port"], facts["pids"]
    if "key" not in facts:
        return [Target("default", port, http_request("/nothing", {}), pids["nothing"])]
    headers = {"Authorization": f"Bearer {facts['key']}"}
    path, streamed = "/v1/chat/completions", QUESTION | {"stream": True}
    for body in (QUESTION, QUESTION, streamed, streamed):
        answer = httpx.post(f"http://127.0.0.1:{port}{path}", json=body, headers=headers, timeout=60).raise_for_status()
    print(f"cache: {answer.headers['x-hanlin-cache']}, an answer has {len(answer.content)} bytes")
    nothing = [Target("nothing", port, http_request("/nothing", {}), pids["nothing"])] if "nothing" in pids else []
    return [
        *nothing,
        Target("hit", port, http_request(path, headers, QUESTION), pids["gateway"]),
        Target("streamed", port, http_request(path, headers, streamed), pids["gateway"]),
    ]


def http_request(path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> bytes:
    data = json.dumps(body, ensure_ascii=False).encode() if body else b""
    fields = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + data


@contextmanager
def endpoint(kind: str) -> Iterator[dict[str, Any]]:
    """An endpoint in a process of its own; what it says of itself."""
    command = [sys.executable, __file__, "--serve", kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"port"'):
                yield json.loads(line)
                return
        raise RuntimeError(f"the endpoint {kind} did not come up")
    finally:
        process.communicate("", timeout=120)


def serve(kind: str) -> None:
    """In the endpoint's own process: until its input ends."""
    from ray import serve as ray_serve

    from cluster.session import session
    from workloads.serving.address import free_port
    from workloads.serving.deploy import start_http
    from workloads.serving.spec import ServingSpec

    class Nothing:
        async def __call__(self, _: Any) -> str:
            return "ok"

    with session(cpus=2), tempfile.TemporaryDirectory() as folder:
        spec = ServingSpec(port=free_port(), threads=1, entrance="serve" if kind == "default" else "auto")
        facts = dict[str, Any]()
        start_http(spec)
        body = ray_serve.deployment(Nothing, name="nothing", max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0})
        ray_serve.run(body.bind(), name="nothing", route_prefix="/nothing")
        pids = {"nothing": pid_of("nothing")}
        if kind == "ours":
            facts["key"] = serve_model(spec, Path(folder))
            pids["gateway"] = pid_of("gateway")
        print(json.dumps({"port": spec.port, "pids": pids} | facts), flush=True)
        sys.stdin.read()


def serve_model(spec: Any, folder: Path) -> str:
    """Serve a small model that needs keys; a key."""
    from app.gateway.serve import single_route, start_gateway, wait_ready
    from benchmarks.serving import write_model
    from cluster.artifacts import ArtifactStore
    from cluster.manifest import Work
    from workloads.serving.deploy import deploy_revision
    from workloads.serving.gateway_spec import LimitsSpec

    shown = new_keys(folder)
    store = ArtifactStore(str(folder / "store"))
    model = write_model(folder / "model")
    (model / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}", encoding="utf-8")
    with store.draft(Work("model", {}, {}, 1, name="bench")) as draft:
        draft.upload(model)
    guarded = spec.model_copy(update={"limits": LimitsSpec(require_keys=True, keys=str(folder / "keys.json"))})
    app = deploy_revision(guarded, store.open("model", "bench"), "1")
    wait_ready(start_gateway(guarded, single_route("bench", "1", app)))
    return shown


def new_keys(folder: Path) -> str:
    """A file of keys; the only key in it."""
    from app.gateway.limits.keys import SCOPES, KeyRing, new_key, utc_now
    from app.gateway.limits.keystore import write_keys

    key, shown = new_key("bench", SCOPES, utc_now(), None)
    write_keys(str(folder / "keys.json"), KeyRing({key.id: key}))
    return shown


def pid_of(deployment: str) -> int:
    """The process of a deployment's only replica, in the Ray session of this process."""
    for process in psutil.Process().children(recursive=True):
        title = process.name() if not process.cmdline() else process.cmdline()[0]
        if title.startswith("ray::ServeReplica:") and title.partition(".")[0].endswith(f":{deployment}"):
            return process.pid
    raise RuntimeError(f"no replica of {deployment} runs here")


if __name__ == "__main__":
    main()
