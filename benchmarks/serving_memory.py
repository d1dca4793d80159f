"""Memory of one and of two replicas of a model on a machine: what each has alone, and what they share.

    python benchmarks/serving_memory.py [--sizes 25M 200M] [--replicas 1 2]
        [--ways torch torch-shared torch-int8 f32 bf16 int8 int4]

Each replica is a process that has imported what a replica's has, loaded the engine and answered nine requests; `pss` counts a page
that two processes share half in each, `uss` not at all. Weights are random. f32, bf16, int8 and int4 are builds for openvino.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from cluster.observe.footprint import footprint
from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec
from workloads.serving.engine.openvino.export import export_model
from workloads.serving.engine.openvino.runtime import available

SIZES = {
    "25M": (ModelSpec(preset="25M"), 16_000),
    "200M": (ModelSpec(preset="124M", layers=20, hidden_size=896, heads=14, kv_heads=2, intermediate_size=2432), 32_000),
}
WAYS = ("torch", "torch-shared", "torch-int8", "f32", "bf16", "int8", "int4")
_REPLICA = """
import asyncio, sys
from pathlib import Path
import ray.serve
from workloads.serving.replica import Replica
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings, Request, Sampling
way, folder = sys.argv[1:]
torch = way.startswith("torch")
print("bare", flush=True)
sys.stdin.readline()
settings = EngineSettings(
    slots=8, max_context=256, threads=1, weights="int8" if way == "torch-int8" else "f32", share_weights=way == "torch-shared"
)
engine = load_engine("torch" if torch else "openvino", Path(folder), settings)
async def one(name):
    async for chunk in engine.generate(Request(name, tuple(range(5, 37)), 16, Sampling(temperature=0))):
        pass
async def all_of_them():
    await one("alone")
    await asyncio.gather(*(one(str(number)) for number in range(8)))
asyncio.run(all_of_them())
print("ready", flush=True)
sys.stdin.readline()
engine.close()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for size in options.sizes:
            model = write_model(Path(temporary) / size, size)
            for way in options.ways:
                if folder := prepared(model, way):
                    show(size, way, folder, options.replicas)


def write_model(folder: Path, size: str) -> Path:
    """Without a tokenizer: prompts are token ids."""
    spec, vocabulary = SIZES[size]
    decoder = build_decoder(decoder_config(spec, vocabulary, 1024), seed=0)
    decoder.save_pretrained(folder)
    files = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    print(
        f"{size}: {sum(each.numel() for each in decoder.parameters()):,} parameters, {files / 1e6:.0f} MB on disk", flush=True
    )
    return folder


def prepared(model: Path, way: str) -> Path | None:
    """The folder that an engine loads; None where openvino is not installed."""
    if way.startswith("torch"):
        return model
    if not available():
        return None
    folder = model.with_name(f"{model.name}-{way}")
    if not folder.exists():
        export_model(model, folder, way)  # type: ignore[arg-type]
    return folder


def show(size: str, way: str, folder: Path, counts: list[int]) -> None:
    for count in counts:
        replicas = [
            subprocess.Popen(
                [sys.executable, "-c", _REPLICA, way, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(count)
        ]
        bare = told(replicas, "bare")
        begun = time.perf_counter()
        ready = told(replicas, "ready")
        took = time.perf_counter() - begun
        for each in replicas:
            each.wait()
        print(f"{size:5} {way:13} {count} replica(s), {took:5.1f} s  bare {bare}  ready {ready}", flush=True)


def told(replicas: "list[subprocess.Popen[str]]", word: str) -> str:
    """Memory of all once each has got there; then they go on."""
    for each in replicas:
        assert each.stdout is not None
        assert each.stdout.readline().strip() == word
    found = []
    for each in replicas:
        pages, memory = footprint(each.pid), psutil.Process(each.pid).memory_full_info()
        found.append(
            f"{memory.rss / 1e6:.0f} MB (pss {memory.pss / 1e6:.0f}, uss {memory.uss / 1e6:.0f}, own {pages.own / 1e6:.0f})"
        )
    for each in replicas:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    return " + ".join(found)


if __name__ == "__main__":
    main()
