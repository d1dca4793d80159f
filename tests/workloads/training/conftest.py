"""Small artifacts to train on, and a group of processes played by threads."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from workloads.models.spec import ModelSpec
from workloads.training.communicator import Alone
from workloads.training.job import Job, run_job
from workloads.training.listener import Listener, Unheard
from workloads.training.rollcall import CatchUp, Ending, News
from workloads.training.spec import TrainingSpec
from workloads.training.stage import training_work

LENGTH, VOCABULARY = 16, 64
TINY = ModelSpec(preset="2M", hidden_size=16, layers=2, heads=2, kv_heads=1, head_dim=8, intermediate_size=24)
QUICK = TrainingSpec(
    steps=12,
    global_batch=6,
    micro_batch=2,
    learning_rate=1e-2,
    warmup_steps=3,
    evaluate_every=4,
    evaluate_rows=5,
    log_every=2,
    checkpoint_every=4,
)


def write_shard(file: Path, rows: np.ndarray[Any, np.dtype[np.uint16]]) -> None:
    """An Arrow IPC file of fixed-length rows, as the tokenizer's workload writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    batch = pa.record_batch([column], names=["tokens"])
    with pa.ipc.new_file(str(file), batch.schema) as writer:
        writer.write_batch(batch)


def make_tokens(store: ArtifactStore, rows: int = 40, heldout: int = 7, padding: int = 5) -> Artifact:
    """Rows that count upwards from a random start, so that a model can learn them; the last is partly padding."""
    generator = np.random.default_rng(1)
    work = Work("tokens", {"rows": rows, "heldout": heldout}, {}, 1)
    with store.draft(work) as draft:
        for split, count in (("train", rows), ("heldout", heldout)):
            starts = generator.integers(1, VOCABULARY, size=(count, 1))
            values = ((starts + np.arange(LENGTH)) % VOCABULARY).astype(np.uint16)
            if split == "train" and padding:
                values[-1, -padding:] = 0
            if count:
                write_shard(Path(draft.location.path) / split / "shard-00000.arrow", values)
        draft.counts |= {
            "rows_train": rows,
            "rows_heldout": heldout,
            "tokens_train": rows * LENGTH - padding,
            "tokens_heldout": heldout * LENGTH,
            "characters_train": rows * LENGTH * 2,
            "sequence_length": LENGTH,
            "vocabulary": VOCABULARY,
        }
    artifact = store.find(work)
    assert artifact is not None
    return artifact


def make_tokenizer(store: ArtifactStore) -> Artifact:
    """A byte-level tokenizer of single characters, with the files that a model folder takes over."""
    words = {"<|endoftext|>": 0} | {character: 1 + n for n, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    work = Work("tokenizer", {"kind": "bytes"}, {}, 1)
    with store.draft(work) as draft:
        draft.write("tokenizer.json", tokenizer.to_str().encode())
        draft.write("tokenizer_config.json", b'{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}')
        draft.write("report.json", json.dumps({"chat_template": "qa"}).encode())
    artifact = store.find(work)
    assert artifact is not None
    return artifact


@pytest.fixture
def tokens(store: ArtifactStore) -> Artifact:
    return make_tokens(store)


@pytest.fixture
def tokenizer(store: ArtifactStore) -> Artifact:
    return make_tokenizer(store)


@pytest.fixture
def job(store: ArtifactStore, tokens: Artifact, tokenizer: Artifact) -> Job:
    return make_job(store, tokens, tokenizer)


def make_job(store: ArtifactStore, tokens: Artifact, tokenizer: Artifact, spec: TrainingSpec = QUICK, run: str = "test") -> Job:
    work = training_work(spec, TINY, tokens, tokenizer, seed=7)
    return Job(spec, TINY, store.uri, tokens.location.name, work, run, seed=7)


class ThreadGroup:
    """A process group of threads: sums are added in the order of ranks, so that they are the same each time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._barrier = threading.Barrier(size, timeout=60)
        self._given: list[torch.Tensor | None] = [None] * size
        self._leaving = [False] * size

    def member(self, rank: int) -> "ThreadMember":
        return ThreadMember(self, rank)

    def exchange(self, rank: int, tensor: torch.Tensor, combine: Callable[[list[torch.Tensor]], torch.Tensor]) -> None:
        self._given[rank] = tensor.detach().clone()
        self._barrier.wait()
        result = combine([given for given in self._given if given is not None])
        self._leaving[rank] = True
        self._barrier.wait()
        self._leaving[rank] = False
        tensor.copy_(result)

    def abort(self) -> None:
        """A process died: the others' next exchange fails. One that it took part in is over for all, though a thread may not have
        woken from it yet, and would take the abort for its own."""
        for _ in range(5000):
            if not any(self._leaving):
                break
            time.sleep(0.001)
        self._barrier.abort()


class ThreadMember:
    def __init__(self, group: ThreadGroup, rank: int) -> None:
        self.rank, self.size, self._group = rank, group.size, group

    lasting = False

    def meet(self, progress: int) -> CatchUp | None:
        return CatchUp(0, self.rank != 0)

    def sum(self, tensor: torch.Tensor) -> None:
        self._group.exchange(self.rank, tensor, lambda given: torch.stack(given).sum(0))

    def copy(self, tensor: torch.Tensor, source: int = 0) -> None:
        self._group.exchange(self.rank, tensor, lambda given: given[source])

    def news(self) -> News:
        return News()

    def leave(self) -> None: ...
    def end(self, how: Ending) -> None: ...


def run_in_threads(job: Job, size: int, listener: Callable[[int], Listener] | None = None) -> list[Ending | BaseException]:
    """Run the job on a group of this size; how each member ended."""
    hear = listener or (lambda _: Unheard())
    if size == 1:
        return [_ending(job, Alone(), hear(0))]
    group = ThreadGroup(size)
    endings: list[Ending | BaseException] = ["left"] * size

    def run(rank: int) -> None:
        endings[rank] = _ending(job, group.member(rank), hear(rank))
        if isinstance(endings[rank], BaseException):
            group.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return endings


def _ending(job: Job, group: Any, listener: Listener) -> Ending | BaseException:
    try:
        return run_job(job, group, torch.device("cpu"), listener)
    except Exception as error:  # noqa: BLE001  # the test looks at it
        return error
