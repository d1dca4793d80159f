"""Engines side by side, through the engine interface: tokens per second at 1, 8 and 32 clients for torch and openvino, with
OpenVINO GenAI's own pipeline (`generate` on the whole batch, in C++) as the peer; then how soon each is ready.

    python benchmarks/serving_engines.py [--new-tokens 128] [--rounds 5] [--weights bf16 int8] [--skip-ready]

The model is the Qwen3 of 5.0 million parameters of benchmarks/serving.py. Everything takes turns within a round, so that a
noisy machine disturbs all alike; a figure is the best of the rounds, the second that of tokens per second of processor time.
The peer needs `pip install openvino-genai` (into an environment of its own, say with PYTHONPATH).
"""

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving import PROMPT_TOKENS, random_prompts, write_model
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec, preset_shape
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings, Request, Sampling
from workloads.serving.engine.openvino.description import Weights
from workloads.serving.engine.openvino.export import export_model
from workloads.serving.engine.openvino.runtime import openvino
from workloads.serving.spec import ServingSpec

CLIENTS = (1, 8, 32)
PEER = "GenAI"
Prompts = list[tuple[int, ...]]
Run = Callable[[Prompts, int], float]
"""Answers the prompts with so many tokens each; seconds to the first token on the mean (0 where it cannot say)."""

_READY = """
import asyncio, sys
from cluster.artifacts import open_artifact
from workloads.serving.builds.choice import BuildRef
from workloads.serving.engine.base import EngineSettings, Request, Sampling
from workloads.serving.replica import Replica
model, build = open_artifact(sys.argv[1]), open_artifact(sys.argv[2]) if len(sys.argv) > 2 else None
ref = BuildRef(build.uri, build.manifest.to_json()) if build else None
replica = Replica(model.uri, model.manifest.to_json(), "1", "auto", EngineSettings(threads=2), ref)
async def first():
    async for chunk in replica.generate(Request("r", (5, 6, 7), 1, Sampling(temperature=0)), 0.0):
        if chunk.token_ids:
            print("token", *chunk.token_ids, flush=True)
asyncio.run(first())
"""


@dataclass
class Best:
    """The best of the rounds: tokens per second, and per second of processor time; first tokens in milliseconds."""

    speed: float = 0.0
    per_processor_second: float = 0.0
    first: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0: as a served model would take")
    parser.add_argument("--weights", nargs="+", default=["bf16"], choices=["f32", "bf16", "int8"])
    parser.add_argument("--skip-ready", action="store_true")
    options = parser.parse_args()
    threads = options.threads or ServingSpec().engine_threads
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        model = write_model(here / "model")
        settings = EngineSettings(slots=32, max_context=PROMPT_TOKENS + options.new_tokens, threads=threads)
        engines = {"torch": load_engine("torch", model, settings)}
        for weights in options.weights:
            export_model(model, here / weights, weights)
            engines[f"openvino {weights}"] = load_engine("openvino", here / weights, settings)
        runs: dict[str, Run] = {name: engine_run(engine) for name, engine in engines.items()}
        if (peer := peer_run(model, here / options.weights[0], here / "peer", threads)) is not None:
            runs[PEER] = peer
        print(f"{PROMPT_TOKENS} prompt tokens, {options.new_tokens} new tokens, {threads} threads; tokens/s (per cpu second)")
        compare(runs, options.new_tokens, options.rounds)
        for engine in engines.values():
            engine.close()
        if not options.skip_ready:
            measure_ready(here, options.weights[0])


def compare(runs: dict[str, Run], new_tokens: int, rounds: int) -> None:
    """A line per number of clients; each run of a round follows the other."""
    for clients in CLIENTS:
        prompts = random_prompts(clients, 4000)
        best = {name: Best() for name in runs}
        ratios: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run(prompts, 4)
        for _ in range(rounds):
            speeds = {name: measure(run, prompts, new_tokens, best[name]) for name, run in runs.items()}
            for name, speed in speeds.items():
                ratios[name].append(speed / speeds.get(PEER, speed))
        for name, each in best.items():
            told = f"{each.speed:9.0f} ({each.per_processor_second:6.0f})  first {each.first:6.1f} ms"
            print(f"{clients:4} clients  {name:14} {told}  of {PEER}: {statistics.median(ratios[name]):5.2f}", flush=True)


def measure(run: Run, prompts: Prompts, new_tokens: int, best: Best) -> float:
    wall, processor = time.perf_counter(), time.process_time()
    first = run(prompts, new_tokens)
    tokens = len(prompts) * new_tokens
    speed = tokens / (time.perf_counter() - wall)
    best.per_processor_second = max(best.per_processor_second, tokens / (time.process_time() - processor))
    if speed > best.speed:
        best.speed, best.first = speed, 1000 * first
    return speed


def engine_run(engine: Engine) -> Run:
    async def all_at_once(prompts: Prompts, new_tokens: int) -> float:
        firsts: list[float] = []

        async def one(index: int, prompt: tuple[int, ...]) -> None:
            began, tokens = time.perf_counter(), 0
            async for chunk in engine.generate(Request(f"r{index}", prompt, new_tokens, Sampling(temperature=0))):
                if not tokens:
                    firsts.append(time.perf_counter() - began)
                tokens += len(chunk.token_ids)
            assert tokens == new_tokens

        await asyncio.gather(*(one(index, prompt) for index, prompt in enumerate(prompts)))
        return statistics.fmean(firsts)

    return lambda prompts, new_tokens: asyncio.run(all_at_once(prompts, new_tokens))


def peer_run(model: Path, build: Path, folder: Path, threads: int) -> Run | None:
    """GenAI's pipeline on the same graph; None, with a line, where it is not installed."""
    ov = openvino()
    try:
        import openvino_genai as genai
        from openvino_tokenizers import convert_tokenizer
    except ImportError as error:
        print(f"without the peer: {error}; pip install openvino-genai")
        return None
    import numpy as np

    folder.mkdir()
    for file in (*build.glob("openvino_model.*"), *model.glob("*.json")):
        shutil.copy(file, folder)
    encoder, decoder = convert_tokenizer(small_tokenizer(), with_detokenizer=True)
    ov.save_model(encoder, folder / "openvino_tokenizer.xml")
    ov.save_model(decoder, folder / "openvino_detokenizer.xml")
    scheduler = genai.SchedulerConfig()
    scheduler.cache_size, scheduler.enable_prefix_caching = 1, False
    properties = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads}
    pipeline = genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", properties)

    def run(prompts: Prompts, new_tokens: int) -> float:
        sampling = genai.GenerationConfig()
        sampling.max_new_tokens, sampling.ignore_eos, sampling.do_sample = new_tokens, True, False
        inputs = [ov.Tensor(np.array([prompt], np.int64)) for prompt in prompts]
        answers = pipeline.generate(inputs, [sampling] * len(inputs))
        assert all(len(answer.m_generation_ids[0]) == new_tokens for answer in answers)
        return 0.0

    return run


def small_tokenizer() -> Any:
    """Any that converts: the pipeline wants one, and ids go around it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw: Any = Tokenizer(models.BPE())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    raw.train_from_iterator(["春眠不觉晓，处处闻啼鸟。" * 9], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>")


def measure_ready(here: Path, weights: Weights) -> None:
    """Seconds from the start of a process to the first token of a replica of 25 million parameters, every byte verified."""
    store = ArtifactStore(str(here / "store"))
    folder = write_25m(here / "25M", here / "model" / "tokenizer.json")
    export_model(folder, here / "25M-build", weights)
    for work, source in (
        (Work("model", {}, {}, 1, name="m"), folder),
        (Work("engine", {}, {}, 1, name="e"), here / "25M-build"),
    ):
        with store.draft(work) as draft:
            draft.upload(source)
    model, build = store.open("model", "m").uri, store.open("engine", "e").uri
    for name, uris in (("openvino", [model, build]), ("torch", [model])):
        times = []
        for _ in range(5):
            started = time.perf_counter()
            with subprocess.Popen([sys.executable, "-c", _READY, *uris], stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert any(line.startswith("token") for line in process.stdout), "the replica's process said no token"
                times.append(time.perf_counter() - started)
            assert process.returncode == 0
        print(f"25M replica, {name:9} process start to first token: {min(times):.2f} s (median {statistics.median(times):.2f})")


def write_25m(folder: Path, tokenizer: Path) -> Path:
    """The preset of that size with random weights."""
    config = decoder_config(ModelSpec(preset="25M"), preset_shape("25M").vocabulary, 1024)
    build_decoder(config, seed=0).save_pretrained(folder)
    shutil.copy(tokenizer, folder)
    return folder


if __name__ == "__main__":
    main()
