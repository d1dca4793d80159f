"""Up to which size one run of the corpus stage goes. Pure.

Every exchange is one round: each block gives one object to each partition, and the driver holds a reference to every object, and
the objects themselves where they are small. So what the driver holds grows with the square of the input, and from some size on the
exchange would need a second round (blocks merged before they are cut), which the stage does not have.
"""

from dataclasses import dataclass

from workloads.corpus.dedup.layout import Layout
from workloads.corpus.estimate import (
    BLOCKS,
    CANDIDATES,
    DECISIONS,
    DIGESTS,
    DOCUMENTS,
    DRIVER_BYTES,
    INDEX,
    KEYS,
    LINES,
    TEXTS,
    Costs,
    Estimate,
    estimate,
)
from workloads.corpus.flow import block_bytes
from workloads.corpus.write import decisions_for, parts_for

REFERENCE_BYTES = 2_600
"""Memory of the driver for one reference to an object of 100 bytes, Ray 2.60 (100,000 of them, measured 2026-11-28)."""

SMALL_OBJECT = 100 << 10
"""Bytes up to which Ray sends a task's result to the driver itself (`max_direct_call_object_size`, Ray 2.60)."""

SENT_BY_TASK = 10 << 20
"""Bytes of small objects that one task sends to the driver, at most (`task_rpc_inlined_bytes_limit`, Ray 2.60)."""

MOST_ARGUMENTS, MOST_RESULTS = 10_000, 3_000
"""Objects into and out of one task that Ray vouches for (scalability envelope in its repository, release/benchmarks)."""

WORKER_BYTES = 0.4e9
"""Of a worker before it does anything: Python, Ray, pyarrow, kernels. Assumed."""

_FILE_COPIES, _TEXT_COPIES = 3, 6  # of what a task writes; of the texts it compares, with their shingles
_LARGEST_FILE = 256 << 20


Exchanges = dict[tuple[str, ...], tuple[int, int]]  # by kinds that share an object: tasks, and objects that each of them gives


@dataclass(frozen=True)
class Input:
    """`mean_file`: bytes; a packed file is read by one task, however large; `split_bytes` as in the recipe."""

    mean_file: float
    packed: bool
    split_bytes: int


@dataclass(frozen=True)
class Spread:
    """How one run is spread: blocks, partitions of keys, rooms, files of documents; objects exchanged in the largest phase and
    the driver's bytes for them; bytes of memory for one task at work."""

    blocks: int
    partitions: int
    rooms: int
    files: int
    objects: int
    driver_bytes: float
    task_bytes: float

    def fits(self, driver_bytes: float = DRIVER_BYTES) -> bool:
        results = max(self.partitions + 3, self.rooms + 1, self.files)
        return self.blocks <= MOST_ARGUMENTS and results <= MOST_RESULTS and self.driver_bytes <= driver_bytes


def spread(whole: Estimate, memory_factor: float, given: Input) -> Spread:
    """How a run over all of it would be spread."""
    block = block_bytes(int(whole.raw_bytes))
    task_raw = max(given.mean_file, given.split_bytes) if given.packed else given.split_bytes
    tasks = max(1.0, whole.raw_bytes / task_raw)
    blocks = int(tasks * -(-whole.blocks["read"] / tasks // block))
    layout = Layout.of(int(whole.documents), blocks)
    files = parts_for(int(whole.kept_characters))
    finding: Exchanges = {
        (LINES,): (blocks, min(blocks, 64)),
        (DIGESTS,): (blocks, layout.partitions),
        (KEYS,): (blocks, layout.partitions),
        (CANDIDATES,): (layout.partitions + layout.rooms, layout.rooms),
        (TEXTS,): (blocks, layout.rooms),
        (BLOCKS,): (blocks, 3),
    }
    writing = {(DOCUMENTS, INDEX): (blocks, files), (DECISIONS,): (blocks, decisions_for(int(whole.documents)))}
    room = whole.exchanged.get(TEXTS, 0.0) / layout.rooms
    task = max(memory_factor * block, _FILE_COPIES * min(_LARGEST_FILE, 3 * whole.kept_characters), _TEXT_COPIES * room)
    return Spread(
        blocks,
        layout.partitions,
        layout.rooms,
        files,
        max(_count(finding), _count(writing)),
        max(_held(finding, whole), _held(writing, whole)),
        WORKER_BYTES + task,
    )


def _count(exchanges: Exchanges) -> int:
    return sum(tasks * results for tasks, results in exchanges.values())


def _held(exchanges: Exchanges, whole: Estimate) -> float:
    """The driver's bytes for these exchanges: references, and what is small itself."""
    held = 0.0
    for kinds, (tasks, results) in exchanges.items():
        size = sum(whole.exchanged.get(kind, 0.0) for kind in kinds)
        small = size / (tasks * results) < SMALL_OBJECT
        held += (tasks * results * REFERENCE_BYTES if size else 0.0) + (min(size, tasks * SENT_BY_TASK) if small else 0.0)
    return held


def largest_run(costs: Costs, given: Input, most: float, driver_bytes: float = DRIVER_BYTES) -> float:
    """Bytes of input, as it lies there, that one run takes: `most`, or less where that does not fit."""
    if spread(estimate(costs, most), costs.memory_factor, given).fits(driver_bytes):
        return most
    low, high = 0.0, most
    for _ in range(40):
        middle = (low + high) / 2
        fits = spread(estimate(costs, middle), costs.memory_factor, given).fits(driver_bytes)
        low, high = (middle, high) if fits else (low, middle)
    return low
