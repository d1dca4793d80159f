"""What Ray Train, the roll, the ledger and all telling cost a step: the full run against a bare loop of the same two processes.

    python benchmarks/training_overhead.py [--steps 40] [--rounds 2] [--hidden 256] [--batch 16]

Both compute the same steps (model, rows, sums over gloo, one thread each); the bare loop is two processes of torch alone, with
no Ray, ledger, metrics or listener. They run in turns. Wall time depends on what else the machine does; processor time of the two
workers, and of all processes of the run with Ray's own, hardly does.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import torch
from torch import distributed

from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from cluster.observe.progress import SilentReporter, Value
from cluster.session import session
from cluster.stage import StageContext
from workloads.models.spec import ModelSpec
from workloads.training.communicator import TorchGroup
from workloads.training.elastic import train_on_workers
from workloads.training.job import Job, TokenCounts, fresh_model, open_feed
from workloads.training.optimizer import create_state
from workloads.training.precision import choose_precision
from workloads.training.prepare import prepare
from workloads.training.spec import TrainingSpec
from workloads.training.stage import training_work
from workloads.training.step import Signals

WORKERS, LENGTH, VOCABULARY, SKIPPED = 2, 128, 4000, 5


@dataclass(frozen=True)
class Cost:
    """Seconds per step: by the clock, of the workers' processors together, and of all processes together."""

    wall: float
    workers: float
    all: float


def bare(job: Job, steps: int) -> Cost:
    """Two processes that do nothing but the steps."""
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    store = Path(tempfile.mkdtemp()) / "meet"
    processes = [spawn.Process(target=_bare_worker, args=(job, steps, rank, str(store), answers)) for rank in range(WORKERS)]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    processor = sum(each[1] for each in found) / steps
    return Cost(max(each[0] for each in found) / steps, processor, processor)


def _bare_worker(job: Job, steps: int, rank: int, store: str, answers: Any) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=WORKERS)
    tokens = ArtifactStore(job.store_uri).open("tokens", job.tokens)
    counts, device = TokenCounts.of(tokens), torch.device("cpu")
    feed, model = open_feed(job, counts, tokens.local_folder(), device), fresh_model(job, counts).train()
    step, optimizer = prepare(model, job.spec, TorchGroup(), choose_precision(job.spec.precision, device))
    create_state(model, optimizer)
    for number in range(SKIPPED + steps):
        if number == SKIPPED:
            began, used = time.monotonic(), time.process_time()
        step.run(feed.batches(number, rank, WORKERS), 1e-4, Signals())
    answers.put((time.monotonic() - began, time.process_time() - used))


class Watching(SilentReporter):
    """Takes the processor time of all processes whenever it is told of progress."""

    def __init__(self, tokens_per_step: int) -> None:
        self._per_step = tokens_per_step
        self.points: list[tuple[int, float, float, float]] = []

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        workers = everything = 0.0
        for process in psutil.Process().children(recursive=True):
            try:
                used = sum(process.cpu_times()[:2])
                everything += used
                workers += used if "RayTrainWorker" in process.name() or "RayTrainWorker" in " ".join(process.cmdline()) else 0
            except psutil.NoSuchProcess:
                continue
        self.points.append((done // self._per_step, time.monotonic(), workers, everything))

    def cost(self) -> Cost:
        (first, *begin), (last, *end) = next(each for each in self.points if each[0] >= SKIPPED), self.points[-2]
        return Cost(*((after - before) / (last - first) for before, after in zip(begin, end, strict=True)))


def full(job: Job, context: StageContext) -> Cost:
    """The run as `hanlin train` does it, from its first steps to its last."""
    reporter = Watching(job.spec.global_batch * (LENGTH - 1))
    assert train_on_workers(job, replace(context, reporter=reporter)) == "finished"
    return reporter.cost()


def _tokens(store: ArtifactStore, rows: int) -> Artifact:
    work = Work("tokens", {"rows": rows}, {}, 1)
    values = np.random.default_rng(0).integers(1, VOCABULARY, size=(rows, LENGTH)).astype(np.uint16)
    with store.draft(work) as draft:
        file = Path(draft.location.path) / "train" / "shard-00000.arrow"
        file.parent.mkdir(parents=True)
        column = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), LENGTH)
        batch = pa.record_batch([column], names=["tokens"])
        with pa.ipc.new_file(str(file), batch.schema) as writer:
            writer.write_batch(batch)
        draft.counts |= {
            "rows_train": rows,
            "rows_heldout": 0,
            "tokens_train": rows * LENGTH,
            "tokens_heldout": 0,
            "characters_train": rows * LENGTH,
            "sequence_length": LENGTH,
            "vocabulary": VOCABULARY,
        }
    found = store.find(work)
    assert found is not None
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("steps", 40), ("rounds", 2), ("hidden", 256), ("batch", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    model = ModelSpec(
        preset="2M",
        hidden_size=options.hidden,
        layers=6,
        heads=4,
        kv_heads=2,
        head_dim=64,
        intermediate_size=3 * options.hidden,
    )
    spec = TrainingSpec(
        steps=SKIPPED + options.steps,
        global_batch=options.batch,
        micro_batch=options.batch // WORKERS,
        workers=WORKERS,
        cpus_per_worker=1,
        checkpoint_every=1_000_000,
        evaluate_every=1_000_000,
        log_every=10,
    )
    costs: dict[str, list[Cost]] = {"bare loop": [], "hanlin": []}
    with tempfile.TemporaryDirectory() as folder, session(cpus=WORKERS):
        for number in range(options.rounds):
            store = ArtifactStore(f"{folder}/{number}")
            tokens = _tokens(store, rows=1000)
            work = training_work(spec, model, tokens, tokens, seed=number)
            job = Job(spec, model, store.uri, tokens.location.name, work, "overhead", seed=number)
            costs["bare loop"].append(bare(job, options.steps))
            costs["hanlin"].append(full(job, StageContext("overhead", store, SilentReporter(), number, Path(folder))))
    for name, found in costs.items():
        print(f"{name}: " + ", ".join(f"{each.wall:.3f} s ({each.workers:.3f} / {each.all:.3f} processor)" for each in found))
    for part in ("wall", "workers", "all"):
        ratio = statistics.median(getattr(each, part) for each in costs["hanlin"]) / statistics.median(
            getattr(each, part) for each in costs["bare loop"]
        )
        print(f"ratio of {part}: {ratio:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
