"""The planted truth: one line for every raw record, saying what it is and where it lies."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from workloads.corpus.demo.files import Placed, is_gb18030

Place = tuple[str, int]


@dataclass(frozen=True)
class Truth:
    """`kind`: clean or what was planted. For a copy, `original` is where the text it was made from lies.

    `planted`: lines or values that must be gone from the kept text; `characters`: of the text without them (0: not known).
    """

    file: str
    position: int
    kind: str
    source: str
    original_file: str = ""
    original_position: int = 0
    planted: tuple[str, ...] = ()
    characters: int = 0
    gb18030: bool = False

    @property
    def place(self) -> Place:
        return self.file, self.position

    @property
    def original(self) -> Place | None:
        return (self.original_file, self.original_position) if self.original_file else None


def truths_of(placed: Sequence[Placed]) -> Iterator[Truth]:
    """The truth about each record; `placed` begins with the clean documents, so that a copy's origin is an index."""
    for one in placed:
        record = one.record
        original = placed[record.origin] if record.origin >= 0 else None
        yield Truth(
            file=one.file,
            position=one.position,
            kind=record.kind,
            source=record.source,
            original_file=original.file if original else "",
            original_position=original.position if original else 0,
            planted=record.planted,
            characters=record.good,
            gb18030=is_gb18030(one.file),
        )


def write_truth(path: Path, truths: Iterable[Truth]) -> None:
    ordered = sorted(truths, key=lambda truth: truth.place)
    path.write_text("".join(json.dumps(asdict(truth), ensure_ascii=False) + "\n" for truth in ordered), encoding="utf-8")


def read_truth(path: Path) -> list[Truth]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Truth(**{**row, "planted": tuple(row["planted"])}) for row in rows]
