"""How long a checkpoint holds a step up, and how long it takes: ours against torch.distributed.checkpoint, same tensors and disk.

    python benchmarks/checkpoints.py [--parameters 25e6] [--repeats 5]

Ours (saver.py): copy in memory, then a thread writes safetensors, hashes and commits by manifest. The peer: dcp.save (the step waits)
and dcp.async_save (it waits for the copy), one process, gloo; it writes no hashes. The first write of each, which makes its buffers,
is told apart.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.distributed import checkpoint as dcp

from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from workloads.training.checkpoint import CheckpointStore, Content, LoopState
from workloads.training.saver import Saver

_LAYERS = 24


def tensors(parameters: float) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights and the two averages of AdamW, f32."""
    side = int((parameters / _LAYERS) ** 0.5)
    weights = {f"layer.{n}.weight": torch.randn(side, side) for n in range(_LAYERS)}
    return weights, {f"{key}.{name}": torch.randn(side, side) for key in ("exp_avg", "exp_avg_sq") for name in weights}


def ours(
    folder: Path, weights: dict[str, torch.Tensor], optimizer: dict[str, torch.Tensor]
) -> Callable[[int], tuple[float, float]]:
    """(seconds the step waits, seconds until it is committed) of one checkpoint."""
    saver = Saver(CheckpointStore(ArtifactStore(str(folder)), Work("model", {}, {}, 1), "benchmark"))

    def save(step: int) -> tuple[float, float]:
        start = time.perf_counter()
        saver.save(Content(LoopState(step=step), weights, optimizer, [], []))
        pause = time.perf_counter() - start
        saver.wait()
        return pause, time.perf_counter() - start

    return save


def peer(folder: Path, state: dict[str, torch.Tensor], asynchronous: bool) -> Callable[[int], tuple[float, float]]:
    def save(step: int) -> tuple[float, float]:
        where, start = folder / str(step), time.perf_counter()
        if asynchronous:
            future = dcp.async_save(state, checkpoint_id=where)
            pause = time.perf_counter() - start
            future.result()
        else:
            dcp.save(state, checkpoint_id=where)
            pause = time.perf_counter() - start
        total = time.perf_counter() - start
        shutil.rmtree(folder / str(step - 1), ignore_errors=True)
        return pause, total

    return save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=float, default=25e6)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    weights, optimizer = tensors(options.parameters)
    size = sum(t.nbytes for t in (*weights.values(), *optimizer.values()))
    with tempfile.TemporaryDirectory() as scratch:
        store = distributed.FileStore(f"{scratch}/rendezvous", 1)
        distributed.init_process_group("gloo", rank=0, world_size=1, store=store, timeout=timedelta(seconds=60))
        ways = {
            "ours": ours(Path(scratch) / "ours", weights, optimizer),
            "dcp.save": peer(Path(scratch) / "dcp", weights | optimizer, asynchronous=False),
            "dcp.async_save": peer(Path(scratch) / "dcp-async", weights | optimizer, asynchronous=True),
        }
        print(
            f"{options.parameters / 1e6:.0f}M parameters, {size / 1e6:.0f} MB, {options.repeats} repeats after the first, median seconds"
        )
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for step in range(options.repeats + 1):
            for name, save in ways.items():
                taken[name].append(save(step))
        for name, each in taken.items():
            pause, total = (statistics.median(values) for values in zip(*each[1:], strict=True))
            print(
                f"{name:15s} step waits {pause:7.3f}  committed after {total:7.3f}  (first: {each[0][0]:.3f}, {each[0][1]:.3f})"
            )
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
