"""Ten times more requests than the endpoint can answer: how long admitted ones take, how soon the others hear of it, and
whether anything grows.

    python benchmarks/serving_overload.py [--seconds 15] [--times 10] [--queries ../shared/data/queries/queries_zh.jsonl.gz]

First the endpoint's own speed with all places taken (requests per second), then an open arrival process (exponential gaps) at
half of it, which counts as unloaded, then at `--times` of it. Prompts are real queries where the file is there, else made up; each
is drawn once, so that none is a kept answer. A request that is refused is not sent again. `--seconds 60` is the full run;
`--bare` has gateway and engine in one process without Ray, where they share Python's lock.
"""

import argparse
import asyncio
import gzip
import json
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from app.gateway.serve import single_route, start_gateway, wait_ready
from benchmarks.bare_gateway import bare_gateway
from benchmarks.serving import write_model
from benchmarks.serving_cache import pid_of
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from cluster.session import session
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision
from workloads.serving.spec import ServingSpec

QUERIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "queries" / "queries_zh.jsonl.gz"
UNLOADED = 0.5
"""Share of the endpoint's own speed that counts as unloaded."""


@dataclass
class Seen:
    """What clients saw, in milliseconds; `late` is by how much the load generator itself was late."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    retry: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    other: dict[int, int] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--times", type=float, default=10)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--bare", action="store_true", help="without Ray")
    parser.add_argument("--queries", type=Path, default=QUERIES)
    options = parser.parse_args()
    prompts = read_prompts(options.queries)
    if options.bare:
        with bare_gateway(options.slots) as (port, pid):
            asyncio.run(measure(f"http://127.0.0.1:{port}", {"both": psutil.Process(pid)}, prompts, options))
        return
    with tempfile.TemporaryDirectory() as folder, session(cpus=2):
        spec = ServingSpec(port=free_port(), threads=1, slots=options.slots)
        url = serve(spec, Path(folder))
        processes = {name: psutil.Process(pid_of(name)) for name in ("gateway", "replica")}
        asyncio.run(measure(url, processes, prompts, options))


async def measure(url: str, processes: dict[str, psutil.Process], prompts: list[str], options: argparse.Namespace) -> None:
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as client:
        await saturate(client, prompts, options, 3)
        speed = await saturate(client, prompts, options, max(options.seconds / 2, 5))
        print(f"with all {options.slots} places taken: {speed:.1f} requests/s")
        before = memory(processes)
        calm = await arrive(client, prompts, options, UNLOADED * speed)
        show(f"{UNLOADED:g} times", calm)
        middle = memory(processes)
        flood = await arrive(client, prompts, options, options.times * speed)
        show(f"{options.times:g} times", flood)
    after = memory(processes)
    print(f"memory in MB before, after the calm, after the flood: {before} {middle} {after}")
    print(f"p95 of admitted: {at(flood.answered, 0.95) / at(calm.answered, 0.95):.2f} of unloaded")


async def saturate(client: aiohttp.ClientSession, prompts: list[str], options: argparse.Namespace, seconds: float) -> float:
    """Requests per second where a client for each place asks again as soon as it has its answer."""
    seen, end = Seen(), time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < end:
            await ask(client, prompts, options, seen)

    started = time.monotonic()
    await asyncio.gather(*(one() for _ in range(options.slots)))
    return len(seen.answered) / (time.monotonic() - started)


async def arrive(client: aiohttp.ClientSession, prompts: list[str], options: argparse.Namespace, rate: float) -> Seen:
    """`rate` requests per second, whether or not the ones before are answered."""
    seen, numbers, tasks = Seen(), random.Random(0), set[asyncio.Task[None]]()
    due = time.monotonic()
    end = due + options.seconds
    while due < end:
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        seen.late.append(1000 * max(time.monotonic() - due, 0))
        task = asyncio.create_task(ask(client, prompts, options, seen))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        due += numbers.expovariate(rate)
    await asyncio.gather(*tasks)
    return seen


async def ask(client: aiohttp.ClientSession, prompts: list[str], options: argparse.Namespace, seen: Seen) -> None:
    body = {"model": "bench", "prompt": prompts.pop(), "max_tokens": options.new_tokens, "temperature": 0}
    began = time.perf_counter()
    async with client.post("/v1/completions", json=body) as response:
        await response.read()
    spent = 1000 * (time.perf_counter() - began)
    if response.status == 200:
        seen.answered.append(spent)
    elif response.status == 429:
        seen.refused.append(spent)
        seen.retry.append(float(response.headers["retry-after-ms"]))
    else:
        seen.other[response.status] = seen.other.get(response.status, 0) + 1


def show(name: str, seen: Seen) -> None:
    print(
        f"{name}: {len(seen.answered)} answered, p50 {at(seen.answered, 0.5):.0f} p95 {at(seen.answered, 0.95):.0f} ms;"
        f" {len(seen.refused)} refused, p50 {at(seen.refused, 0.5):.1f} p95 {at(seen.refused, 0.95):.1f}"
        f" p99 {at(seen.refused, 0.99):.1f} ms, told to come back in {at(seen.retry, 0.5):.0f} ms;"
        f" others {seen.other or 'none'}; the load generator late by p95 {at(seen.late, 0.95):.1f} ms"
    )


def at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def memory(processes: dict[str, psutil.Process]) -> dict[str, int]:
    return {name: round(process.memory_info().rss / 1e6) for name, process in processes.items()}


def serve(spec: ServingSpec, folder: Path) -> str:
    store = ArtifactStore(str(folder / "store"))
    with store.draft(Work("model", {}, {}, 1, name="bench")) as draft:
        draft.upload(write_model(folder / "model"))
    app = deploy_revision(spec, store.open("model", "bench"), "1")
    url = start_gateway(spec, single_route("bench", "1", app))
    wait_ready(url)
    return url


def read_prompts(file: Path) -> list[str]:
    """In an order of their own; the mean length is told, since it says what an answer costs."""
    if file.is_file():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            texts = {json.loads(line)["query"][:200] for line in lines}
        source = file.name
    else:
        texts, source = {f"第{number}个问题：这件事应当怎么办？" for number in range(200_000)}, "made up"
    prompts = sorted(filter(None, texts))
    random.Random(0).shuffle(prompts)
    print(f"{len(prompts)} prompts ({source}), {statistics.mean(map(len, prompts)):.0f} characters on average")
    return prompts


if __name__ == "__main__":
    main()
