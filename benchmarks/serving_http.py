"""What HTTP, gateway and the hop to the replica cost: the engine alone against the whole endpoint, streamed and whole, in turns.

    python benchmarks/serving_http.py [--rounds 3] [--new-tokens 128] [--threads 1] [--entrances serve auto]

A Qwen3 of 5.0 million parameters with random weights; no answers are kept. For every entrance (serving.entrance) in a session of its own: requests per
second of a page that does nothing; at 1, 8 and 32 clients the tokens per second of the engine in this process and of the endpoint,
and the time to the first token. The load generator is on the same machine. `us/token` is processor time, which other work on the
machine does not change: of gateway, entrance and replica together, and of the load generator.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import psutil

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from benchmarks.serving import CLIENTS, PROMPT_TOKENS, random_prompts, write_model
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from cluster.observe.progress import SilentReporter
from cluster.session import session
from cluster.stage import StageContext
from workloads.serving.address import free_port
from workloads.serving.builds.stage import build_engine
from workloads.serving.deploy import deploy_revision, stop_serving
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings, Request, Sampling
from workloads.serving.gateway_spec import CacheSpec
from workloads.serving.spec import ServingSpec

Prompts = list[tuple[int, ...]]

NO_OP_CLIENTS, NO_OP_SECONDS = 16, 4.0
REQUESTS = 4
"""Of each client in a round, one after the other: an endpoint's work on one overlaps with the engine's on others."""


@dataclass
class Round:
    """What one round of one way saw. Times in seconds."""

    tokens: int = 0
    seconds: float = 0.0
    served: float = 0.0
    asked: float = 0.0
    first: list[float] = field(default_factory=list)

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--entrances", nargs="+", default=["serve", "auto"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_model(Path(temporary) / "model")
        for entrance in options.entrances:
            store = ArtifactStore(str(Path(temporary) / entrance))
            spec = ServingSpec(
                port=free_port(),
                threads=options.threads,
                entrance=entrance,
                engine=options.engine,
                cache=CacheSpec(megabytes=0),
            )
            with store.draft(Work("model", {}, {}, 1, name="bench")) as draft:
                draft.upload(folder)
            model = store.open("model", "bench")
            with session(cpus=2):
                build = build_engine(spec, model, None, StageContext("bench", store, SilentReporter()))
                with endpoint(model, spec) as url:
                    print(f"entrance {entrance}: {asyncio.run(no_op(url)):.0f} no-ops/s at {NO_OP_CLIENTS} clients")
                    compare(url, (build or model).local_folder(), spec, options.rounds, options.new_tokens)


@contextmanager
def endpoint(model: Artifact, spec: ServingSpec) -> Iterator[str]:
    url = start_gateway(spec, single_route("bench", "1", deploy_revision(spec, model, "1")))
    wait_ready(url)
    try:
        yield url
    finally:
        stop_gateway()
        stop_serving()


async def no_op(url: str) -> float:
    """Answers per second of a page that does nothing."""
    end, count = time.monotonic() + NO_OP_SECONDS, 0

    async def ask(client: aiohttp.ClientSession) -> None:
        nonlocal count
        while time.monotonic() < end:
            async with client.get("/healthz") as response:
                assert response.status == 200
                await response.read()
            count += 1

    async with aiohttp.ClientSession(url) as client:
        await asyncio.gather(*(ask(client) for _ in range(NO_OP_CLIENTS)))
    return count / NO_OP_SECONDS


def compare(url: str, folder: Path, spec: ServingSpec, rounds: int, new_tokens: int) -> None:
    """The engine, whole answers and streams in turns; medians of the rounds."""
    settings = EngineSettings(slots=spec.slots, max_context=PROMPT_TOKENS + new_tokens, threads=spec.threads)
    engine = load_engine(spec.engine, folder, settings)
    print(f"{'clients':>8} {'way':>7} {'tok/s':>8} {'of engine':>10} {'first ms':>9} {'us/token served':>16} {'asked':>7}")
    try:
        for clients in CLIENTS:
            ways = ways_of(engine, url, clients, new_tokens)
            for way in ways.values():
                asyncio.run(cast(Any, way()))  # each way once before any counts
            seen: dict[str, list[Round]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, way in ways.items():
                    seen[name].append(measured(way))
            alone = statistics.median(each.speed for each in seen["engine"])
            for name, found in seen.items():
                show(clients, name, found, alone)
    finally:
        engine.close()


def ways_of(engine: Engine, url: str, clients: int, new_tokens: int) -> dict[str, Callable[[], Awaitable[Round]]]:
    return {
        "engine": lambda: in_process(engine, clients, new_tokens),
        "whole": lambda: over_http(url, clients, new_tokens, stream=False),
        "stream": lambda: over_http(url, clients, new_tokens, stream=True),
    }


def measured(way: Callable[[], Awaitable[Round]]) -> Round:
    served, asked = processor_seconds()
    found = asyncio.run(cast(Any, way()))
    served_after, asked_after = processor_seconds()
    found.served, found.asked = served_after - served, asked_after - asked
    return cast(Round, found)


def processor_seconds() -> tuple[float, float]:
    """Of the processes that this one started, which serve; and of this one, which asks."""
    me = psutil.Process()
    served = 0.0
    for each in me.children(recursive=True):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        served += times.user + times.system
    own = me.cpu_times()
    return served, own.user + own.system


async def in_process(engine: Engine, clients: int, new_tokens: int) -> Round:
    found = Round()

    async def one(prompts: Prompts) -> None:
        for prompt in prompts:
            began, first = time.perf_counter(), True
            request = Request(uuid.uuid4().hex, prompt, new_tokens, Sampling(temperature=0))
            async for chunk in engine.generate(request):
                if first:
                    found.first.append(time.perf_counter() - began)
                first = False
                found.tokens += len(chunk.token_ids)

    await timed(found, [one(prompts) for prompts in shares(clients)])
    return found


async def over_http(url: str, clients: int, new_tokens: int, stream: bool) -> Round:
    found = Round()
    body: dict[str, Any] = {"model": "bench", "max_tokens": new_tokens, "temperature": 0, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}

    async with aiohttp.ClientSession(url) as client:

        async def one(prompts: Prompts) -> None:
            for prompt in prompts:
                await ask(prompt)

        async def ask(prompt: tuple[int, ...]) -> None:
            began = time.perf_counter()
            async with client.post("/v1/completions", json=body | {"prompt": list(prompt)}) as response:
                assert response.status == 200
                last = b""
                async for line in response.content:
                    if line.startswith(b"data: {") or not stream:
                        if not last:
                            found.first.append(time.perf_counter() - began)
                        last = line
            found.tokens += json.loads(last.removeprefix(b"data: "))["usage"]["completion_tokens"]

        await timed(found, [one(prompts) for prompts in shares(clients)])
    return found


def shares(clients: int) -> list[Prompts]:
    """What each client asks, one after the other."""
    prompts = random_prompts(clients * REQUESTS, 4000)
    return [prompts[client::clients] for client in range(clients)]


async def timed(found: Round, tasks: list[Any]) -> None:
    started = time.perf_counter()
    await asyncio.gather(*tasks)
    found.seconds = time.perf_counter() - started


def show(clients: int, name: str, found: list[Round], alone: float) -> None:
    speed = statistics.median(each.speed for each in found)
    first = 1000 * statistics.median(value for each in found for value in each.first)
    tokens = sum(each.tokens for each in found)
    served, asked = (1e6 * sum(getattr(each, part) for each in found) / tokens for part in ("served", "asked"))
    print(f"{clients:8} {name:>7} {speed:8.0f} {speed / alone:10.2f} {first:9.1f} {served:16.0f} {asked:7.0f}", flush=True)


if __name__ == "__main__":
    main()
