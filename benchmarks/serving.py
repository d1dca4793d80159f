"""Serving speed: tokens per second of the engine alone and of the whole endpoint over HTTP, at 1, 8 and 32 clients,
beside Hugging Face `generate` with static batches in the same run; request times; cold start.

    python benchmarks/serving.py [--model FOLDER] [--new-tokens 128] [--rounds 3] [--skip-http]

Without --model: a Qwen3 of 5.0 million parameters with random weights. Each figure is
the best of the rounds, taken in turns, so that a noisy machine disturbs all alike: read the ratios.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import torch

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from cluster.session import session
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings, Request, Sampling
from workloads.serving.spec import ServingSpec

CLIENTS = (1, 8, 32)
PROMPT_TOKENS = 32
_FIRST_TOKEN = """
import asyncio, sys
from pathlib import Path
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings, Request, Sampling
async def first():
    engine = load_engine("torch", Path(sys.argv[1]), EngineSettings(max_context=256))
    async for chunk in engine.generate(Request("r", (5, 6, 7), 1, Sampling(temperature=0))):
        pass
    engine.close()
asyncio.run(first())
"""


@dataclass(frozen=True)
class Load:
    """What the clients of one round saw. Times in seconds."""

    tokens_per_second: float
    requests_per_second: float
    first: list[float]
    total: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a model folder with its tokenizer")
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="torch threads (0: as a served model would take)")
    parser.add_argument("--skip-http", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.model) if options.model else write_model(Path(temporary) / "model")
        threads = options.threads or ServingSpec().engine_threads
        print(f"model {folder.name}, {PROMPT_TOKENS} prompt tokens, {options.new_tokens} new tokens, {threads} threads")
        compare_engines(folder, options.new_tokens, options.rounds, threads)
        cold_engine(folder)
        if not options.skip_http:
            measure_endpoint(folder, Path(temporary) / "store", options.new_tokens, options.rounds, threads)


def compare_engines(folder: Path, new_tokens: int, rounds: int, threads: int) -> None:
    """Tokens per second, greedy and sampled, against `generate`."""
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.stop_strings = None  # every answer is as long as asked for
    print(f"{'clients':>8} {'generate':>10} {'engine':>10} {'ratio':>7} {'sampled':>10} {'first ms':>9}")
    for clients in CLIENTS:
        prompts = random_prompts(clients, model.config.vocab_size)
        runs: dict[str, list[float]] = {"generate": [], "engine": [], "sampled": []}
        first: list[float] = []
        for _ in range(rounds):
            runs["generate"].append(generate(model, prompts, new_tokens))
            for name, sampling in (("engine", Sampling(temperature=0)), ("sampled", Sampling(temperature=0.8, top_p=0.9))):
                speed, times = asyncio.run(run_engine(folder, prompts, new_tokens, sampling, threads))
                runs[name].append(speed)
                first += times if name == "engine" else []
        peer, ours, sampled = (max(runs[name]) for name in ("generate", "engine", "sampled"))
        print(
            f"{clients:8} {peer:10.0f} {ours:10.0f} {ours / peer:7.2f} {sampled:10.0f} {1000 * statistics.median(first):9.1f}"
        )


def generate(model: Any, prompts: list[tuple[int, ...]], new_tokens: int) -> float:
    """Tokens per second of one static batch in `transformers`."""
    ids = torch.tensor(prompts)
    started = time.perf_counter()
    model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new_tokens, min_new_tokens=new_tokens
    )
    return len(prompts) * new_tokens / (time.perf_counter() - started)


async def run_engine(
    folder: Path, prompts: list[tuple[int, ...]], new_tokens: int, sampling: Sampling, threads: int
) -> tuple[float, list[float]]:
    """Tokens per second with one request per prompt at once, and the seconds to each first token."""
    engine = load_engine("torch", folder, EngineSettings(slots=32, max_context=PROMPT_TOKENS + new_tokens, threads=threads))
    times: list[float] = []

    async def one(name: str, prompt: tuple[int, ...], count: int) -> None:
        began = time.perf_counter()
        first = True
        async for _ in engine.generate(Request(name, prompt, count, sampling)):
            if first:
                times.append(time.perf_counter() - began)
                first = False

    await asyncio.gather(*(one(f"w{i}", prompt, 4) for i, prompt in enumerate(prompts)))
    times.clear()
    started = time.perf_counter()
    await asyncio.gather(*(one(f"r{i}", prompt, new_tokens) for i, prompt in enumerate(prompts)))
    seconds = time.perf_counter() - started
    engine.close()
    return len(prompts) * new_tokens / seconds, times


def cold_engine(folder: Path) -> None:
    """From the start of a process to the first token."""
    seconds = min(
        timed(lambda: subprocess.run([sys.executable, "-c", _FIRST_TOKEN, str(folder)], check=True)) for _ in range(3)
    )
    bare = min(timed(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True)) for _ in range(3))
    print(f"cold start of the engine: {seconds:.2f} s from process to first token (limit: {bare:.2f} s for `import torch`)")


def measure_endpoint(folder: Path, store: Path, new_tokens: int, rounds: int, threads: int) -> None:
    """The same load through gateway and replica on Ray Serve, streamed and whole."""
    started = time.perf_counter()
    with session(cpus=2), endpoint(folder, store, threads) as url:
        client = httpx.Client(base_url=url, timeout=60)
        client.post("/v1/completions", json={"model": "bench", "prompt": [5, 6, 7], "max_tokens": 1}).raise_for_status()
        print(
            f"cold start of the endpoint: {time.perf_counter() - started:.1f} s from nothing (Ray included) to the first token"
        )
        print(f"{'clients':>8} {'way':>7} {'tok/s':>8} {'req/s':>7} {'first p50/p95 ms':>18} {'total p50/p95 ms':>18}")
        for clients in CLIENTS:
            for stream in (True, False):
                loads = [asyncio.run(load(url, clients, new_tokens, stream)) for _ in range(rounds)]
                best = max(loads, key=lambda each: each.tokens_per_second)
                print(
                    f"{clients:8} {'stream' if stream else 'whole':>7} {best.tokens_per_second:8.0f}"
                    f" {best.requests_per_second:7.1f} {spread(best.first):>18} {spread(best.total):>18}"
                )


@contextmanager
def endpoint(folder: Path, store: Path, threads: int) -> Iterator[str]:
    artifacts = ArtifactStore(str(store))
    work = Work("model", {}, {}, 1, name="bench")
    with artifacts.draft(work) as draft:
        draft.upload(folder)
    spec = ServingSpec(port=free_port(), threads=threads)
    app = deploy_revision(spec, artifacts.open("model", "bench"), "1")
    url = start_gateway(spec, single_route("bench", "1", app))
    wait_ready(url)
    try:
        yield url
    finally:
        stop_gateway()


async def load(url: str, clients: int, new_tokens: int, stream: bool) -> Load:
    """One request per client at once; all ask for the same number of tokens."""
    first: list[float] = []
    total: list[float] = []
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits) as client:

        async def one(prompt: tuple[int, ...]) -> int:
            body = {"model": "bench", "prompt": list(prompt), "max_tokens": new_tokens, "temperature": 0, "stream": stream}
            began, tokens = time.perf_counter(), 0
            if not stream:
                response = await client.post("/v1/completions", json=body)
                tokens = response.raise_for_status().json()["usage"]["completion_tokens"]
            else:
                body["stream_options"] = {"include_usage": True}
                async with client.stream("POST", "/v1/completions", json=body) as response:
                    async for line in response.aiter_lines():
                        if not tokens and line and len(first) < clients and line.startswith("data: {"):
                            first.append(time.perf_counter() - began)
                            tokens = -1
                        if '"usage":{' in line:
                            tokens = json.loads(line[6:])["usage"]["completion_tokens"]
            total.append(time.perf_counter() - began)
            return tokens

        started = time.perf_counter()
        counts = await asyncio.gather(*map(one, random_prompts(clients, 4000)))
    seconds = time.perf_counter() - started
    return Load(sum(counts) / seconds, clients / seconds, first, total)


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    ordered = sorted(1000 * each for each in seconds)
    return f"{statistics.median(ordered):.0f} / {ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]:.0f}"


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def random_prompts(count: int, vocabulary: int) -> list[tuple[int, ...]]:
    numbers = random.Random(count)
    return [tuple(numbers.randrange(300, min(vocabulary, 4000)) for _ in range(PROMPT_TOKENS)) for _ in range(count)]


def write_model(folder: Path) -> Path:
    """Qwen3, 5.0 million parameters, vocabulary 4,000, random weights; it never ends an answer by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=4000,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=64,
        intermediate_size=768,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=None,
        bos_token_id=None,
        pad_token_id=0,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(a, b) for a in alphabet for b in alphabet][: 4000 - len(alphabet)]
    tokens = alphabet + [a + b for a, b in pairs]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


if __name__ == "__main__":
    main()
