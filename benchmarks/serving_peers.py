"""The whole endpoint against vLLM behind its own HTTP server, the same model, clients and machine, in one run.

    python benchmarks/serving_peers.py --vllm PYTHON [--rounds 8] [--new-tokens 128]

PYTHON: the interpreter of an environment with vLLM (docs/vllm.md). A Qwen3 of 5.0 million parameters with random weights, bf16 on both
sides, threads and all else as each chooses by itself; no answers are kept. Ours, vLLM, ours again: one at a time, since there is one
machine; the two of ours show what the machine itself does. Tokens per second of whole and of streamed answers at 1, 8 and 32 clients
and the time to the first streamed token, medians of the rounds, after five seconds that do not count.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.serving import CLIENTS, write_model
from benchmarks.serving_http import Round, endpoint, over_http
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from cluster.observe.progress import SilentReporter
from cluster.session import session
from cluster.stage import StageContext
from workloads.serving.address import free_port
from workloads.serving.builds.stage import build_engine
from workloads.serving.gateway_spec import CacheSpec
from workloads.serving.spec import ServingSpec

_SLOTS, _CONTEXT = 64, 1024
_READY_SECONDS, _WARM_SECONDS = 600.0, 5.0
WAYS = {"whole": False, "streamed": True}


@dataclass(frozen=True)
class Figure:
    """Tokens per second, and milliseconds to the first token."""

    speed: float
    first: float


Figures = dict[tuple[int, str], Figure]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=os.environ.get("VLLM_PYTHON", ""), help="else VLLM_PYTHON")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--new-tokens", type=int, default=128)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_model(Path(temporary) / "model")

        def measure(url: str) -> Figures:
            return figures(url, options.rounds, options.new_tokens)

        ours = [measured_ours(folder, Path(temporary) / "1", measure)]
        theirs: Figures = {}
        if options.vllm:
            with vllm_server(options.vllm, folder) as url:
                theirs = measure(url)
            ours.append(measured_ours(folder, Path(temporary) / "2", measure))
    show(ours, theirs)


def measured_ours(folder: Path, root: Path, measure: Callable[[str], Figures]) -> Figures:
    store = ArtifactStore(str(root))
    spec = ServingSpec(port=free_port(), engine="openvino", slots=_SLOTS, cache=CacheSpec(megabytes=0))
    with store.draft(Work("model", {}, {}, 1, name="bench")) as draft:
        draft.upload(folder)
    model = store.open("model", "bench")
    with session(cpus=2):
        build_engine(spec, model, None, StageContext("bench", store, SilentReporter()))
        with endpoint(model, spec) as url:
            return measure(url)


@contextmanager
def vllm_server(python: str, folder: Path) -> Iterator[str]:
    """vLLM's own server on loopback, ready. Its engine is a process of its own that ends with it."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--served-model-name", "bench"]
    command += ["--dtype", "bfloat16", "--max-model-len", str(_CONTEXT), "--max-num-seqs", str(_SLOTS)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--disable-uvicorn-access-log"]
    settings = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }
    process = subprocess.Popen(command, env=os.environ | settings)
    try:
        wait_until_healthy(url, process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


def wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, f"vLLM's server ended with {process.returncode}"
        assert time.monotonic() < end, f"vLLM's server was not ready within {_READY_SECONDS:g} s"
        time.sleep(0.2)


def figures(url: str, rounds: int, new_tokens: int) -> Figures:
    found: Figures = {}
    for clients in CLIENTS:
        for way, stream in WAYS.items():
            warm = time.monotonic() + _WARM_SECONDS
            while time.monotonic() < warm:
                asyncio.run(over_http(url, clients, new_tokens, stream))
            seen: list[Round] = [asyncio.run(over_http(url, clients, new_tokens, stream)) for _ in range(rounds)]
            first = 1000 * statistics.median(value for each in seen for value in each.first)
            found[clients, way] = Figure(statistics.median(each.speed for each in seen), first)
    return found


def show(ours: list[Figures], theirs: Figures) -> None:
    print(f"{'clients':>8} {'way':>9} {'ours tok/s':>16} {'vLLM':>7} {'ratio':>6} {'first ms, ours':>16} {'vLLM':>7}")
    for key in ours[0]:
        clients, way = key
        own, peer = [each[key] for each in ours], theirs.get(key)
        speed = " / ".join(f"{each.speed:.0f}" for each in own)
        first = " / ".join(f"{each.first:.1f}" for each in own) if way == "streamed" else "-"
        line = f"{clients:8} {way:>9} {speed:>16}"
        if peer is None:
            print(f"{line} {'-':>7} {'-':>6} {first:>16} {'-':>7}")
            continue
        ratio = statistics.mean(each.speed for each in own) / peer.speed
        late = f"{peer.first:.1f}" if way == "streamed" else "-"
        print(f"{line} {peer.speed:7.0f} {ratio:6.2f} {first:>16} {late:>7}")


if __name__ == "__main__":
    main()
