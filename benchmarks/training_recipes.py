"""Which optimizer, schedule and extras learn most from the same rows: held-out loss of a small model, several seeds each.

    python benchmarks/training_recipes.py TOKENS_FOLDER [--steps 300] [--seeds 3] [--out results.jsonl]

TOKENS_FOLDER: a tokens artifact (rows of one length, with held-out rows). Needs no Ray and no GPU. One line per run is appended to
`--out`; what stands there is not run again, so that a run that was stopped goes on. Prints a table of mean and spread.
"""

import argparse
import json
import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.small.run import SMALL, small_run
from workloads.training.spec import TrainingSpec

_COMMON: dict[str, Any] = {"optimizer": "adamw", "global_batch": 4, "micro_batch": 4, "learning_rate": 3e-3, "warmup_steps": 20}
_LARGE: dict[str, Any] = {"global_batch": 16, "micro_batch": 4}
VARIANTS: dict[str, dict[str, Any]] = {
    "adamw wsd": {},
    "muon wsd": {"optimizer": "muon"},
    "adamw linear": {"schedule": "linear"},
    "muon linear": {"optimizer": "muon", "schedule": "linear"},
    "adamw cosine": {"schedule": "cosine"},
    "adamw wsd, average": {"weight_average": 0.98},
    "adamw wsd, z-loss": {"z_loss": 1e-4},
    "muon wsd, double rate": {"optimizer": "muon", "learning_rate": 6e-3},
    "16 rows": _LARGE,
    "2 to 16 rows": {**_LARGE, "growth": {"first_batch": 2, "batch_steps": 30}},
    "16 rows, 32 to 255 tokens": {**_LARGE, "growth": {"first_length": 32, "length_steps": 30}},
}


def train(folder: Path, variant: dict[str, Any], seed: int, steps: int, heldout_rows: int) -> dict[str, float]:
    """What the rows of so many usual `steps` gave."""
    plan = TrainingSpec.model_validate({**_COMMON, **variant}).plan
    steps = plan.steps_for(steps * _COMMON["global_batch"])
    spec = TrainingSpec.model_validate({**_COMMON, "steps": steps, **variant})
    return asdict(small_run(folder, SMALL, spec, seed, heldout_rows))


def table(runs: list[dict[str, Any]]) -> str:
    """A Markdown table, the best first."""
    lines = []
    for name in VARIANTS:
        mine = [run for run in runs if run["variant"] == name]
        if mine:
            bits = [run["bits_per_character"] for run in mine]
            spread = statistics.stdev(bits) if len(bits) > 1 else float("nan")
            cost = statistics.mean(run["processor_seconds"] for run in mine)
            lines.append(
                (statistics.mean(bits), f"| {name} | {statistics.mean(bits):.3f} | {spread:.3f} | {len(bits)} | {cost:.0f} |")
            )
    head = "| variant | bits per character | spread | seeds | processor seconds |\n|---|---|---|---|---|"
    return "\n".join([head, *(line for _, line in sorted(lines))])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokens", type=Path, nargs="?")
    parser.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--heldout-rows", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("training_recipes.jsonl"))
    options = parser.parse_args(arguments)
    if options.tokens is None:
        print("skipped: name the folder of a tokens artifact to train on")
        return 0
    torch.set_num_threads(options.threads)
    runs = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    for name in options.variants:
        for seed in range(options.seeds):
            if any(run["variant"] == name and run["seed"] == seed and run["steps"] == options.steps for run in runs):
                continue
            found = train(options.tokens, VARIANTS[name], seed, options.steps, options.heldout_rows)
            runs.append({"variant": name, "seed": seed, "steps": options.steps, **found})
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(runs[-1]) + "\n")
    print(table([run for run in runs if run["steps"] == options.steps]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
