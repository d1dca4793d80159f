"""What 8-bit weights give and cost: memory, tokens per second, and bits per character on text that the model has not seen.

    python benchmarks/serving_int8.py --text FILE --model FOLDER [--characters 20000] [--threads 1]

Without --model: 110 million parameters with random weights, speed and memory alone. Every kind of weights has a process of its
own, one after the other: memory is what it holds at the end, above what it held with torch alone.
"""

import argparse
import asyncio
import math
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch
from tokenizers import Tokenizer

from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings, Request, Sampling

CLIENTS = (1, 8, 32)
PIECE = 200  # characters of text scored at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--text", default="", help="UTF-8 text to score; none: no bits per character")
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", default="", help="measure these alone, in this process")
    options = parser.parse_args()
    if options.weights:
        print(measure(options))
        return
    with tempfile.TemporaryDirectory() as temporary:
        model = options.model or str(write_large(Path(temporary)))
        print(
            "weights   load s  memory MB  " + "".join(f"{clients:>4} clients" for clients in CLIENTS) + "  bits per character"
        )
        for weights in ("f32", "int8", "f32", "int8"):
            told = [sys.executable, __file__, *sys.argv[1:], "--model", model, "--weights", weights]
            print(subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def measure(options: argparse.Namespace) -> str:
    folder, before, started = Path(options.model), psutil.Process().memory_info().rss, time.perf_counter()
    settings = EngineSettings(threads=options.threads, max_context=256, prefix_mb=0, weights=options.weights)
    engine = load_engine("torch", folder, settings)
    loaded = time.perf_counter() - started
    memory = (psutil.Process().memory_info().rss - before) / 2**20
    speeds = [asyncio.run(speed(engine, clients, options.new_tokens)) for clients in CLIENTS]
    bits = asyncio.run(bits_per_character(engine, folder, options)) if options.text else math.nan
    engine.close()
    told = "".join(f"{each:12.0f}" for each in speeds)
    return f"{options.weights:8} {loaded:7.2f} {memory:10.0f} {told} {bits:10.4f}"


async def speed(engine: Engine, clients: int, new_tokens: int) -> float:
    """Tokens per second of the processor's time that the engine took."""
    numbers = random.Random(clients)
    prompts = [tuple(numbers.randrange(300, 4000) for _ in range(32)) for _ in range(clients)]

    async def one(index: int, prompt: tuple[int, ...]) -> None:
        async for _ in engine.generate(Request(f"r{index}", prompt, new_tokens, Sampling(temperature=0))):
            pass

    started = time.process_time()
    await asyncio.gather(*(one(index, prompt) for index, prompt in enumerate(prompts)))
    return clients * new_tokens / (time.process_time() - started)


async def bits_per_character(engine: Engine, folder: Path, options: argparse.Namespace) -> float:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = Path(options.text).read_text(encoding="utf-8", errors="ignore")[: options.characters]
    pieces = [tokenizer.encode(text[start : start + PIECE]).ids[:256] for start in range(0, len(text), PIECE)]
    scores = await engine.score(pieces)
    characters = sum(len(tokenizer.decode(piece[1:])) for piece in pieces)
    return -sum(score.logprob for row in scores for score in row) / math.log(2) / characters


def write_large(folder: Path) -> Path:
    """Qwen3, 110 million parameters, random weights."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=16_000,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=12,
        head_dim=64,
        intermediate_size=2048,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=None,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
