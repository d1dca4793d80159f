"""What a corpus of some size will take: processor hours, bytes exchanged, disk, machines. Pure; measuring is in costs.py, and up to
which size one run goes in limits.py.

The model is linear in bytes: every step looks at a document a fixed number of times and no step compares all with all. Growth over
150, 600 and 2,400 MB is in benchmarks/RESULTS.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

LINES, DIGESTS, KEYS = "recurring lines", "cards by digest", "band keys"
CANDIDATES, TEXTS, LINKS = "candidate pairs", "texts compared", "links and groups"
DOCUMENTS, INDEX, DECISIONS = "documents to their files", "index to its files", "decisions to their files"
BLOCKS = "cards and bands kept beside the blocks"  # lies in the store, is not exchanged
_GROW_WITH_CANDIDATES = (CANDIDATES, TEXTS, LINKS)

EFFICIENCY = 0.8
"""Of a processor's time that goes into the work itself on many machines. Assumed: never measured on more than one."""

DISK_BYTES_PER_SECOND, NETWORK_BYTES_PER_SECOND = 500e6, 1.25e9
"""Of a machine: an SSD that is written and read at once, 10 Gbit/s. Assumed."""

START_SECONDS = 6.1
"""Ray's start and end on one machine (benchmarks/RESULTS.md, `corpus_peers.py`, 2026-11-28)."""

FREE_DISK = 0.3
"""Of a machine's disk to leave free: spilled objects lie several to a file, which goes when the last of them does."""

DRIVER_BYTES = 16e9
"""Of the process that starts the tasks, unless said otherwise: half of a machine of 32 GiB."""

CHARACTERS_PER_TOKEN = 1.62
"""Mixed Chinese text, vocabulary 16,000, longest piece of Han 16 (workloads/tokenizer/spec.py)."""

ENCODING_BYTES_PER_SECOND = 141e6 / 3.4
"""Of a processor: reading, checking and encoding kept text (benchmarks/RESULTS.md, tokens stage, 2026-11-28)."""

LEAST_COMPARED_SHARE = 0.1
"""Of documents that have another to be compared with, at the least: a part holds few copies of what is in it. Assumed: 150 MB of
mixed Chinese text measured .065, its first 20 MB .012 (benchmarks/RESULTS.md, `hanlin corpus plan`, 2026-11-28)."""


@dataclass(frozen=True)
class Costs:
    """What a part of the user's own input measured.

    `raw_bytes`: as it lies there; other bytes of text are UTF-8. `documents` read, `undropped` by rules, `kept` after duplicates.
    `seconds`: of one processor by step. `exchanged`: bytes between tasks by kind. `blocks`: bytes in memory of the blocks, read
    and cleaned. `written`: bytes of the artifact by folder. `compared_share`: of the undropped documents. `memory_factor`: bytes
    that cleaning took more, for each byte of the block.
    """

    raw_bytes: int
    documents: int
    undropped: int
    kept: int
    text_bytes: int
    undropped_bytes: int
    kept_bytes: int
    kept_characters: int
    seconds: Mapping[str, float]
    exchanged: Mapping[str, int]
    blocks: Mapping[str, int]
    written: Mapping[str, int]
    compared_share: float
    memory_factor: float


@dataclass(frozen=True)
class Time:
    """Hours of the corpus stage on some machines, and which of processors, disk and network they wait for."""

    machines: int
    hours: float
    waits_for: str


@dataclass(frozen=True)
class Estimate:
    """For the whole input. Hours of one processor by step; bytes; `spilled_bytes` at most at one time, all machines together."""

    raw_bytes: float
    text_bytes: float
    documents: float
    undropped: float
    kept: float
    kept_bytes: float
    kept_characters: float
    tokens: float
    processor_hours: Mapping[str, float]
    encoding_hours: float
    exchanged: Mapping[str, float]
    blocks: Mapping[str, float]
    written: Mapping[str, float]
    spilled_bytes: float
    compared_share: float

    @property
    def total_processor_hours(self) -> float:
        return sum(self.processor_hours.values())

    @property
    def shuffled_bytes(self) -> float:
        return sum(size for kind, size in self.exchanged.items() if kind != BLOCKS)

    def time(self, machines: int, processors: int) -> Time:
        """The slowest of three counts: a lower limit, since they never overlap wholly."""
        stored = sum(self.blocks.values()) + sum(self.exchanged.values())
        hours = {
            "processors": self.total_processor_hours / (processors * EFFICIENCY),
            "disk": 2 * stored / DISK_BYTES_PER_SECOND / 3600,
            "network": self.shuffled_bytes / NETWORK_BYTES_PER_SECOND / 3600,
        }
        slowest = max(hours, key=lambda each: hours[each])
        return Time(machines, START_SECONDS / 3600 + hours[slowest] / machines, slowest)

    def machines(self, hours: float, processors: int) -> int:
        """Machines that finish the corpus stage within the hours, of which there is at least one."""
        start = START_SECONDS / 3600
        return max(1, math.ceil((self.time(1, processors).hours - start) / (hours - start)))

    def disk_per_machine(self, machines: int) -> float:
        """Bytes for what Ray spills, if nothing of it found room in memory. The artifacts are in the store, not here."""
        return self.spilled_bytes / machines / (1 - FREE_DISK)


def estimate(costs: Costs, raw_bytes: float, token_bytes: int = 2) -> Estimate:
    """The whole from a part. `raw_bytes`: of the whole input as it lies there; `token_bytes`: 2, or 4 for more than 65,536."""
    scale = raw_bytes / costs.raw_bytes
    share = max(costs.compared_share, LEAST_COMPARED_SHARE) if KEYS in costs.exchanged else 0.0
    exchanged = {kind: size * scale for kind, size in costs.exchanged.items()} | _by_candidates(costs, scale, share)
    blocks = {kind: size * scale for kind, size in costs.blocks.items()}
    tokens = costs.kept_characters * scale / CHARACTERS_PER_TOKEN
    kept_bytes = costs.kept_bytes * scale
    return Estimate(
        raw_bytes=raw_bytes,
        text_bytes=costs.text_bytes * scale,
        documents=costs.documents * scale,
        undropped=costs.undropped * scale,
        kept=costs.kept * scale,
        kept_bytes=kept_bytes,
        kept_characters=costs.kept_characters * scale,
        tokens=tokens,
        processor_hours={step: seconds * scale / 3600 for step, seconds in costs.seconds.items()},
        encoding_hours=kept_bytes / ENCODING_BYTES_PER_SECOND / 3600,
        exchanged=exchanged,
        blocks=blocks,
        written={name: size * scale for name, size in costs.written.items()} | {"tokens": tokens * token_bytes},
        spilled_bytes=_most_at_once(blocks, exchanged),
        compared_share=share,
    )


def _by_candidates(costs: Costs, scale: float, share: float) -> dict[str, float]:
    """What grows with the share of documents that are compared, where that is taken to be larger than measured."""
    if not share:
        return {}
    if not costs.compared_share:
        return {TEXTS: costs.undropped_bytes * scale * share}
    more = scale * share / costs.compared_share
    return {kind: costs.exchanged[kind] * more for kind in _GROW_WITH_CANDIDATES if kind in costs.exchanged}


def _most_at_once(blocks: Mapping[str, float], exchanged: Mapping[str, float]) -> float:
    """While lines are counted; while duplicates are found; while files are written: a block goes as soon as it is cut."""
    of_lines, of_files = exchanged.get(LINES, 0.0), sum(exchanged[kind] for kind in (DOCUMENTS, INDEX, DECISIONS))
    of_duplicates = sum(exchanged.values()) - of_lines - of_files
    return max(blocks["read"] + of_lines, blocks["cleaned"] + of_duplicates, of_files)
