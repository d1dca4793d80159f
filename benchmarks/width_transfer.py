"""Where the best learning rate lies as models get wider, with `training.base_width` (muP) and without.

    python benchmarks/width_transfer.py TOKENS_FOLDER [--widths 64 128 256] [--steps 120] [--out width_transfer.jsonl]

TOKENS_FOLDER: a tokens artifact with held-out rows. Needs no Ray and no GPU. Every width is trained with every rate, on the same
rows; the narrowest is the one that rates carry over from, so it is the same both ways. One line per run is appended to `--out`; what
stands there is not run again. Prints a table of held-out losses in nats per token, the best rate of each row in bold.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.small.run import small_run
from workloads.models.spec import ModelSpec
from workloads.training.spec import TrainingSpec

_RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)
_HEAD, _LAYERS = 32, 3
_HELDOUT_ROWS = 64


def model_of(width: int) -> ModelSpec:
    """Alike but for the width: the same depth, heads of the same size."""
    heads = width // _HEAD
    return ModelSpec(
        preset="2M",
        hidden_size=width,
        layers=_LAYERS,
        heads=heads,
        kv_heads=heads // 2,
        head_dim=_HEAD,
        intermediate_size=32 * round(width * 8 / 3 / 32),
    )


def train(folder: Path, width: int, base: int | None, rate: float, seed: int, steps: int) -> dict[str, Any]:
    spec = TrainingSpec(
        steps=steps,
        global_batch=4,
        micro_batch=4,
        optimizer="adamw",
        learning_rate=rate,
        warmup_steps=steps // 6,
        base_width=base,
    )
    return asdict(small_run(folder, model_of(width), spec, seed, _HELDOUT_ROWS))


def table(runs: list[dict[str, Any]]) -> str:
    """A Markdown table: a row for each width, with and without."""
    rates = sorted({run["rate"] for run in runs})
    lines = [f"| width | {' | '.join(f'{rate:g}' for rate in rates)} |", "|---" * (len(rates) + 1) + "|"]
    kinds = sorted({(run["base"] is not None, run["width"]) for run in runs})
    for carried, width in kinds:
        mean = {
            rate: _mean([r["loss"] for r in runs if (r["base"] is not None, r["width"], r["rate"]) == (carried, width, rate)])
            for rate in rates
        }
        best = min(mean.values())
        cells = [f"**{loss:.3f}**" if loss == best else f"{loss:.3f}" for loss in mean.values()]
        lines.append(f"| {width}{', rate carried over' if carried else ''} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("inf")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokens", type=Path, nargs="?")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--rates", type=float, nargs="+", default=list(_RATES))
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("width_transfer.jsonl"))
    options = parser.parse_args(arguments)
    if options.tokens is None:
        print("skipped: name the folder of a tokens artifact to train on")
        return 0
    torch.set_num_threads(options.threads)
    runs = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    narrowest = min(options.widths)
    for key in _keys(options, narrowest):
        if any({name: run[name] for name in key} == key for run in runs):
            continue
        runs.append({**key, **train(options.tokens, **key)})
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(runs[-1]) + "\n")
    print(table([run for run in runs if run["steps"] == options.steps]))
    return 0


def _keys(options: argparse.Namespace, narrowest: int) -> list[dict[str, Any]]:
    return [
        {"width": width, "base": base, "rate": rate, "seed": seed, "steps": options.steps}
        for seed in range(options.seeds)
        for width in sorted(options.widths)
        for base in ((None,) if width == narrowest else (None, narrowest))
        for rate in options.rates
    ]


if __name__ == "__main__":
    sys.exit(main())
