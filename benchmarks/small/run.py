"""One small training in this process, without Ray and checkpoints: what its settings give on held-out rows, and what they cost."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec
from workloads.training.communicator import Alone, Communicator
from workloads.training.feed import Feed
from workloads.training.metrics import bits_per_character
from workloads.training.optimizer import create_state
from workloads.training.order import RowOrder
from workloads.training.precision import choose_precision
from workloads.training.prepare import Step, prepare
from workloads.training.rows import TokenRows
from workloads.training.schedule import learning_rate
from workloads.training.spec import TrainingSpec
from workloads.training.step import Signals
from workloads.training.transfer import scale_output

SMALL = ModelSpec(preset="2M", hidden_size=128, layers=3, heads=2, kv_heads=1, intermediate_size=352)
_CPU = torch.device("cpu")
_ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class SmallRun:
    """Held-out loss in nats per token; seconds of processor time that the steps took."""

    loss: float
    bits_per_character: float
    processor_seconds: float
    updates: int


def start(folder: Path, shape: ModelSpec, spec: TrainingSpec, seed: int, group: Communicator) -> tuple[Step, Feed]:
    """The step of a fresh model, and the rows of a tokens artifact's folder, held-out ones as well."""
    rows, heldout = TokenRows(folder, "train"), TokenRows(folder, "heldout")
    feed = Feed(rows, heldout, RowOrder(len(rows), seed), spec.plan, _CPU, growth=spec.growth)
    model = build_decoder(decoder_config(shape, rows.vocabulary, rows.sequence_length), seed)
    scale_output(model, spec)
    step, optimizer = prepare(model, spec, group, choose_precision(spec.precision, _CPU))
    create_state(model, optimizer)
    model.train()
    return step, feed


def small_run(folder: Path, shape: ModelSpec, spec: TrainingSpec, seed: int, heldout_rows: int) -> SmallRun:
    """Train `spec.steps` steps in this process, then measure."""
    step, feed = start(folder, shape, spec, seed, Alone())
    steps = spec.steps or 1
    began = time.process_time()
    for number in range(steps):
        step.run(feed.batches(number, *step.share), learning_rate(spec, number, steps), Signals())
    seconds = time.process_time() - began
    loss, _ = step.evaluate(feed.heldout_batches(*step.share, heldout_rows, _ROWS_AT_ONCE))
    counts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["counts"]
    bits = bits_per_character(loss, counts["tokens_train"], counts["characters_train"])
    return SmallRun(loss, bits, seconds, steps)
