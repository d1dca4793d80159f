"""What adapters cost: tokens per second of the torch engine with 8 clients of whom none, all the same, four or eight have an
adapter of their own, in turns; and with one client alone, which is what eight merged models one after the other would give.

    python benchmarks/serving_adapters.py [--model FOLDER] [--rank 16] [--new-tokens 64] [--rounds 3] [--threads 1]

Without --model: a Qwen3 of 5.0 million parameters with random weights. Adapters are random. `every` changes all linear layers of
every block, `few` the queries and values alone, as PEFT does unless told. Figures are medians of the rounds, per second of
the processor's time, since machines are busy: read the shares of the first column.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.serving import random_prompts, write_model
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from workloads.serving.adapters import adapter_artifact
from workloads.serving.engine import load_engine
from workloads.serving.engine.adapters.files import linear_shapes
from workloads.serving.engine.base import Adapter, Engine, EngineSettings, Request, Sampling

CLIENTS = 8
COUNTS = (0, 1, 4, 8)
TARGETS = {"every": ("",), "few": ("q_proj", "v_proj")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a model folder with its tokenizer")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        folder = Path(options.model) if options.model else write_model(place / "model")
        store = ArtifactStore(str(place / "store"))
        model = commit(store, folder)
        engine = load_engine("torch", folder, EngineSettings(slots=CLIENTS, threads=options.threads, adapter_mb=1024))
        print(
            f"{engine.capabilities.parameters:,} parameters, rank {options.rank}, {CLIENTS} clients, {options.threads} threads"
        )
        print(
            f"{'layers':>8} {'none':>12}" + "".join(f"{count:>5} adapters" for count in COUNTS[1:]) + "  one client, no adapter"
        )
        for name, targets in TARGETS.items():
            made = [make(place / f"{name}{seed}", folder, seed, options.rank, targets) for seed in range(max(COUNTS))]
            adapters = [ask_for(adapter_artifact(each, model, store), each.name) for each in made]
            print(measure(engine, name, adapters, options.new_tokens, options.rounds), flush=True)
        engine.close()


def measure(engine: Engine, name: str, adapters: Sequence[Adapter], new_tokens: int, rounds: int) -> str:
    """One line of the table."""
    speeds: Mapping[int, list[float]] = {count: [] for count in (*COUNTS, -1)}
    for _ in range(rounds + 1):  # the first brings the adapters
        for count, found in speeds.items():
            own = [adapters[client % count] if count > 0 else None for client in range(CLIENTS if count >= 0 else 1)]
            found.append(asyncio.run(speed(engine, own, new_tokens)))
    medians = [statistics.median(found[1:]) for found in speeds.values()]
    told = [f"{median:6.0f} ({median / medians[0]:4.2f})" for median in medians]
    return f"{name:>8}  " + " ".join(told)


async def speed(engine: Engine, own: Sequence[Adapter | None], new_tokens: int) -> float:
    """Tokens per second of processor time, one request per client, each with its own adapter or none."""
    prompts = random_prompts(len(own), engine.capabilities.vocabulary)

    async def one(index: int) -> int:
        request = Request(f"r{index}", prompts[index], new_tokens, Sampling(temperature=0), adapter=own[index])
        return sum([len(chunk.token_ids) async for chunk in engine.generate(request)])

    started = time.process_time()
    counts = await asyncio.gather(*map(one, range(len(own))))
    return sum(counts) / (time.process_time() - started)


def make(folder: Path, model: Path, seed: int, rank: int, targets: Sequence[str]) -> Path:
    """A random adapter in PEFT's files."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer, (outputs, inputs) in linear_shapes(model).items():
        if any(target in layer for target in targets):
            at = f"base_model.model.{layer}"
            tensors[f"{at}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator) * 0.02
            tensors[f"{at}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator) * 0.02
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def commit(store: ArtifactStore, folder: Path) -> Artifact:
    work = Work("model", {"folder": folder.name}, {}, 1)
    with store.draft(work) as draft:
        draft.upload(folder)
    return store.open("model", work.folder)


def ask_for(artifact: Artifact, name: str) -> Adapter:
    return Adapter(name, artifact.content_hash, artifact.uri)


if __name__ == "__main__":
    main()
