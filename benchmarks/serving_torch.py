"""The torch engine beside its peers, in one run: tokens per second through the engine's own interface at 1, 8 and 32 clients,
of Hugging Face `generate` with static batches and of transformers' continuous batching.

    python benchmarks/serving_torch.py [--model FOLDER] [--new-tokens 128] [--rounds 3] [--threads 2] [--processor]

Without --model: a Qwen3 of 5.0 million parameters with random weights. Everything is f32 with the same threads, in turns; each
figure is the best of the rounds, so read the ratios. `--processor`: per second of processor time, for a machine that is busy; with one
thread, since waiting threads count too. The last columns are the engine's with sampling (temperature .8, top-p .9)
and with answers held to a JSON schema.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.serving import CLIENTS, PROMPT_TOKENS, random_prompts, write_model
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings, Grammar, Request, Sampling

Clock = Callable[[], float]
GREEDY, SAMPLED = Sampling(temperature=0), Sampling(temperature=0.8, top_p=0.9)
LIST = Grammar("json_schema", json.dumps({"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 200}))
WAYS = {"engine": (GREEDY, None), "sampled": (SAMPLED, None), "schema": (SAMPLED, LIST)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a model folder with its tokenizer")
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    parser.add_argument("--processor", action="store_true", help="tokens per second of processor time")
    options = parser.parse_args()
    clock = time.process_time if options.processor else time.perf_counter
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.model) if options.model else write_model(Path(temporary) / "model")
        peer = load_peer(folder)
        settings = EngineSettings(slots=32, max_context=PROMPT_TOKENS + options.new_tokens, threads=options.threads)
        engine = load_engine("torch", folder, settings)
        print(f"{engine.capabilities.parameters:,} parameters, {options.new_tokens} new tokens, {options.threads} threads")
        print(
            f"{'clients':>8} {'generate':>10} {'continuous':>10} {'engine':>10} {'sampled':>10} {'schema':>10} {'first ms':>9}"
        )
        for clients in options.clients:
            print(measure(engine, peer, clients, options.new_tokens, options.rounds, clock), flush=True)
        engine.close()


def measure(engine: Engine, peer: Any, clients: int, new_tokens: int, rounds: int, clock: Clock) -> str:
    """One line of the table."""
    prompts = random_prompts(clients, engine.capabilities.vocabulary)
    best = dict.fromkeys(("generate", "continuous", *WAYS), 0.0)
    firsts: list[float] = []
    for _ in range(rounds):
        best["generate"] = max(best["generate"], generate(peer, prompts, new_tokens, clock))
        best["continuous"] = max(best["continuous"], generate_continuously(peer, prompts, new_tokens, clock))
        for name, (sampling, grammar) in WAYS.items():
            speed, first = asyncio.run(serve(engine, prompts, new_tokens, sampling, grammar, clock))
            best[name] = max(best[name], speed)
            firsts += [first] * (name == "engine")
    peer.destroy_cached_continuous_batching_manager()  # made for this number of clients; the first round warms it up
    return f"{clients:8} " + " ".join(f"{speed:10.0f}" for speed in best.values()) + f" {1000 * statistics.median(firsts):9.1f}"


async def serve(
    engine: Engine, prompts: list[tuple[int, ...]], new_tokens: int, sampling: Sampling, grammar: Grammar | None, clock: Clock
) -> tuple[float, float]:
    """Tokens per second with one request per prompt at once, and the median of the seconds to the first token."""
    firsts: list[float] = []

    async def one(index: int, prompt: tuple[int, ...]) -> int:
        count = 0
        async for chunk in engine.generate(Request(f"r{index}", prompt, new_tokens, sampling, grammar=grammar)):
            if not count:
                firsts.append(time.perf_counter() - started)
            count += len(chunk.token_ids)
        return count

    started, began = time.perf_counter(), clock()
    counts = await asyncio.gather(*(one(index, prompt) for index, prompt in enumerate(prompts)))
    return sum(counts) / (clock() - began), statistics.median(firsts)


def load_peer(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.stop_strings = None
    return model


def generate(model: Any, prompts: list[tuple[int, ...]], new_tokens: int, clock: Clock) -> float:
    """Tokens per second of one static batch."""
    ids = torch.tensor(prompts)
    started = clock()
    model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new_tokens, min_new_tokens=new_tokens
    )
    return ids.shape[0] * new_tokens / (clock() - started)


def generate_continuously(model: Any, prompts: list[tuple[int, ...]], new_tokens: int, clock: Clock) -> float:
    """Tokens per second of transformers' continuous batching."""
    from transformers import GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    asked = GenerationConfig(max_new_tokens=new_tokens, do_sample=False, eos_token_id=-1)
    settings = ContinuousBatchingConfig(num_blocks=64, max_batch_tokens=1024)  # else it takes 60 % of the free memory
    started = clock()
    answers = model.generate_batch(
        [list(prompt) for prompt in prompts],
        generation_config=asked,
        continuous_batching_config=settings,
        persistent_manager=True,
    )
    seconds = clock() - started
    return sum(len(answer.generated_tokens) for answer in answers.values()) / seconds


if __name__ == "__main__":
    main()
