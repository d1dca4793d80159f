"""How far the loss of a run differs between numbers of processes: the same rows, shared among one, two or three over gloo.

    python benchmarks/world_sizes.py TOKENS_FOLDER [--sizes 1 2 3] [--rows 10] [--steps 80] [--optimizer muon] [--out world_sizes.json]

Sums are added in another order where other processes share them, and so round otherwise; nothing else may differ. Micro-batches of
two rows: of ten rows neither two nor three processes get the same number. `--grow`: steps and sequences begin small. Prints a table.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch
from torch import distributed, multiprocessing

from benchmarks.small.run import SMALL, start
from workloads.training.communicator import TorchGroup
from workloads.training.schedule import learning_rate
from workloads.training.spec import TrainingSpec
from workloads.training.step import Signals

_MICRO = 2


def losses(folder: Path, spec: TrainingSpec, size: int) -> list[float]:
    """The loss of each step, in nats per token, on so many processes of one thread."""
    with tempfile.TemporaryDirectory() as scratch:
        multiprocessing.spawn(_process, (size, folder, spec, scratch), nprocs=size)
        found: list[float] = json.loads((Path(scratch) / "losses.json").read_text())
    return found


def _process(rank: int, size: int, folder: Path, spec: TrainingSpec, scratch: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{scratch}/meet", rank=rank, world_size=size)
    step, feed = start(folder, SMALL, spec, seed=0, group=TorchGroup())
    steps = spec.steps or 1
    found = [
        step.run(feed.batches(each, *step.share), learning_rate(spec, each, steps), Signals()).loss for each in range(steps)
    ]
    if rank == 0:
        (Path(scratch) / "losses.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


def table(curves: dict[int, list[float]], first: int) -> str:
    """Of each number of processes against the first: the largest difference of a step's loss up to some steps."""
    alone = curves[first]
    marks = [each for each in (1, 10, 20, 40, 80, 160, 320) if each <= len(alone)]
    lines = [f"| processes | {' | '.join(f'steps 1-{mark}' for mark in marks)} | last loss |", "|---" * (len(marks) + 2) + "|"]
    for size, curve in curves.items():
        apart = [max(abs(one - other) for one, other in zip(curve[:mark], alone[:mark], strict=True)) for mark in marks]
        lines.append(f"| {size} | {' | '.join(f'{each:.1e}' for each in apart)} | {curve[-1]:.6f} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokens", type=Path, nargs="?")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("world_sizes.json"))
    options = parser.parse_args(arguments)
    if options.tokens is None:
        print("skipped: name the folder of a tokens artifact to train on")
        return 0
    growth = {"first_batch": 1, "batch_steps": options.steps // 2, "first_length": 32, "length_steps": options.steps // 2}
    spec = TrainingSpec.model_validate(
        {
            "steps": options.steps,
            "optimizer": options.optimizer,
            "global_batch": options.rows,
            "micro_batch": _MICRO,
            "learning_rate": 3e-3,
            "warmup_steps": options.steps // 6,
            "precision": options.precision,
            "growth": growth if options.grow else {},
        }
    )
    curves = {size: losses(options.tokens, spec, size) for size in options.sizes}
    options.out.write_text(json.dumps(curves))
    print(table(curves, options.sizes[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
