"""What long and like prompts cost in the torch engine: how long a prompt of 900 tokens makes eight answers wait, for each number
of tokens read at once (`serving.prefill_tokens`), and when the first token comes of prompts that share 768 tokens with an
earlier one.

    python benchmarks/serving_prompts.py [--threads 1]

A Qwen3 of 5.0 million parameters with random weights; one run, so read the ratios.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.serving import write_model
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Engine, EngineSettings, Request, Sampling

NUMBERS = random.Random(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_model(Path(temporary) / "model")
        print("tokens at once   pause ms: median, longest   first token ms: of 900 tokens, of 20 sent after it   all s")
        for budget in (1024, 512, 256, 128, 64):
            engine = load_engine("torch", folder, EngineSettings(threads=threads, prefill_tokens=budget, prefix_mb=0))
            asyncio.run(disturb(engine))
            print(f"{budget:14}   {asyncio.run(disturb(engine))}", flush=True)
            engine.close()
        for megabytes in (0, 64):
            engine = load_engine("torch", folder, EngineSettings(threads=threads, prefix_mb=megabytes))
            print(
                f"prefix_mb {megabytes:3}: first token of 16 prompts, one by one, ms: {asyncio.run(share(engine))}", flush=True
            )
            engine.close()


async def disturb(engine: Engine) -> str:
    """Eight answers on the way; a long prompt comes, then a short one."""
    pauses: list[float] = []

    async def answer(name: str) -> None:
        last = 0.0
        async for _ in engine.generate(Request(name, tokens(16), 90, Sampling(temperature=0))):
            now = time.perf_counter()
            pauses.extend([now - last] if last else [])
            last = now

    async def after(seconds: float, length: int) -> float:
        await asyncio.sleep(seconds)
        return await first_token(engine, tokens(length))

    started = time.perf_counter()
    answers = [answer(f"a{index}") for index in range(8)]
    asked = asyncio.gather(after(0.1, 900), after(0.11, 20))
    await asyncio.gather(*answers)
    long, short = await asked
    seconds = time.perf_counter() - started
    return f"{1000 * statistics.median(pauses):8.1f} {1000 * max(pauses):8.0f} {1000 * long:20.0f} {1000 * short:10.0f} {seconds:24.2f}"


async def share(engine: Engine) -> str:
    """Prompts of 800 tokens of which 768 are the same."""
    shared = tokens(768)
    await first_token(engine, tokens(800))
    times = [await first_token(engine, shared + tokens(32)) for _ in range(16)]
    return f"{1000 * times[0]:.0f} the first, then {1000 * statistics.median(times[1:]):.1f}"


async def first_token(engine: Engine, prompt: tuple[int, ...]) -> float:
    started = time.perf_counter()
    stream = engine.generate(Request(f"f{started}", prompt, 2, Sampling(temperature=0)))
    await anext(stream)
    seconds = time.perf_counter() - started
    async for _ in stream:
        pass
    return seconds


def tokens(count: int) -> tuple[int, ...]:
    return tuple(NUMBERS.randrange(300, 4000) for _ in range(count))


if __name__ == "__main__":
    main()
