"""What a corpus of some size will take: processor hours, bytes exchanged, disk, machines. Pure; measuring is in sample.py.

The model is linear in bytes: every step looks at a document a fixed number of times and no step compares all with all. Growth over
150, 600 and 2,400 MB is in benchmarks/RESULTS.md.
"""

from dataclasses import dataclass

HASH_BYTES, ROW_BYTES, ID_BYTES, LENGTH_BYTES = 8, 8, 20, 4
DIGEST_BYTES = 16
EFFICIENCY = 0.8  # of a processor's time that goes into the work itself on many machines; assumed, one machine measures more
TOKEN_BYTES = 2
WORST_PART = 0.3  # of a machine's disk to leave free

GIGA = 1e9


@dataclass(frozen=True)
class Sample:
    """What a part of the user's own input measured. Bytes are of text (UTF-8) unless they say otherwise.

    `raw_bytes`: as it lies on disk; `seconds`: of one processor by step; `written_bytes`: of the documents table; `near_share`: of
    documents that have a candidate to be compared with; `characters_per_token` as measured or assumed.
    """

    raw_bytes: int
    text_bytes: int
    documents: int
    kept: int
    characters: int
    written_bytes: int
    seconds: dict[str, float]
    bands: int
    near_share: float
    characters_per_token: float


@dataclass(frozen=True)
class Estimate:
    """For the whole input. `processor_hours` by step; bytes; `tokens` of the kept text."""

    raw_bytes: float
    text_bytes: float
    documents: float
    kept: float
    tokens: float
    processor_hours: dict[str, float]
    shuffle_bytes: dict[str, float]
    written_bytes: float
    peak_disk_bytes: float

    @property
    def total_processor_hours(self) -> float:
        return sum(self.processor_hours.values())

    @property
    def total_shuffle_bytes(self) -> float:
        return sum(self.shuffle_bytes.values())

    def hours(self, machines: int, processors: int) -> float:
        return self.total_processor_hours / (machines * processors * EFFICIENCY)

    def machines(self, hours: float, processors: int) -> int:
        """Machines that finish within the hours."""
        return max(1, -(-self.total_processor_hours // (hours * processors * EFFICIENCY)).__int__())

    def disk_per_machine(self, machines: int) -> float:
        return self.peak_disk_bytes / machines / (1 - WORST_PART)


def estimate(sample: Sample, raw_bytes: float) -> Estimate:
    """The whole from the sample. `raw_bytes`: of the whole input as it lies on disk."""
    scale = raw_bytes / sample.raw_bytes
    text, documents, kept = sample.text_bytes * scale, sample.documents * scale, sample.kept * scale
    tokens = sample.characters * scale / sample.characters_per_token
    shuffles = {
        "exact duplicates": kept * (ROW_BYTES + ID_BYTES + LENGTH_BYTES + DIGEST_BYTES),
        "near duplicates: bands": kept * sample.bands * (HASH_BYTES + ROW_BYTES),
        "near duplicates: texts compared": text * (sample.kept / max(sample.documents, 1)) * sample.near_share,
    }
    written = sample.written_bytes * scale
    spilled = text + sum(shuffles.values())  # cleaned blocks wait in the object store until all duplicates are known
    return Estimate(
        raw_bytes=raw_bytes,
        text_bytes=text,
        documents=documents,
        kept=kept,
        tokens=tokens,
        processor_hours={step: seconds * scale / 3600 for step, seconds in sample.seconds.items()},
        shuffle_bytes=shuffles,
        written_bytes=written + tokens * TOKEN_BYTES,
        peak_disk_bytes=spilled + written + tokens * TOKEN_BYTES,
    )
