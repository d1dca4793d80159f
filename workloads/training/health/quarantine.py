"""The list of steps that a run left out, each with its rows and the documents in them: quarantine.jsonl in the run's folder.

It outlives checkpoints: a run that goes on from an earlier one leaves the same steps out, without judging them again.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from cluster.manifest import Json
from workloads.training.run_folder import RunFolder

FILE = "quarantine.jsonl"


@dataclass(frozen=True)
class SuspectRow:
    """A row of a step left out: its number, the documents in it, and its own loss in nats per token, where that was measured
    and is a number."""

    row: int
    documents: tuple[str, ...]
    loss: float | None = None


@dataclass(frozen=True)
class LeftOut:
    """One step without an update. `rolled_back_to` is the checkpoint's step where this one made the run go back; `rows` come
    with the most suspicious first."""

    step: int
    reason: str
    score: float = 0.0
    loss: float | None = None
    gradient_norm: float | None = None
    rolled_back_to: int | None = None
    rows: tuple[SuspectRow, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {key: value for key, value in asdict(self).items() if value is not None}

    @staticmethod
    def from_json(values: Mapping[str, Json]) -> "LeftOut":
        """Raises KeyError or TypeError where this is none."""
        raw: dict[str, object] = dict(values)
        rows = tuple(
            SuspectRow(int(row["row"]), tuple(row["documents"]), row.get("loss"))
            for row in raw.pop("rows", ())  # type: ignore[attr-defined]
        )
        return LeftOut(rows=rows, **raw)  # type: ignore[arg-type]


class Quarantine:
    """The steps left out so far, by number. Every process keeps it, so that none is lost with the first one, which writes."""

    def __init__(self, entries: Iterable[LeftOut] = ()) -> None:
        self._entries = {entry.step: entry for entry in entries}

    @staticmethod
    def read(folder: RunFolder) -> "Quarantine":
        return Quarantine(LeftOut.from_json(values) for values in folder.read_lines(FILE))

    def write(self, folder: RunFolder) -> None:
        folder.write_lines(FILE, (entry.to_json() for entry in self.entries()))

    def add(self, entry: LeftOut) -> None:
        self._entries[entry.step] = entry

    def reason(self, step: int) -> str:
        """Why this step is left out; empty where it is not."""
        entry = self._entries.get(step)
        return entry.reason if entry else ""

    def entries(self) -> list[LeftOut]:
        return [self._entries[step] for step in sorted(self._entries)]

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def rollbacks(self) -> int:
        return sum(entry.rolled_back_to is not None for entry in self._entries.values())

    def rolled_back_in(self, start: int, stop: int) -> bool:
        """Whether one of the steps [start, stop) made the run go back."""
        return any(each.rolled_back_to is not None for step, each in self._entries.items() if start <= step < stop)

    def first_of_row(self, step: int) -> int:
        """The first of the steps left out one after the other that end right before `step`; `step` itself where none does."""
        while step - 1 in self._entries:
            step -= 1
        return step


def suspects(
    rows: Sequence[int], losses: Sequence[float], documents: Callable[[int], tuple[str, ...]]
) -> tuple[SuspectRow, ...]:
    """The rows of a step, those without a finite loss first, then by falling loss. `losses` may be empty: not measured."""
    measured = losses or [0.0] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: -measured[i] if math.isfinite(measured[i]) else -math.inf)
    return tuple(SuspectRow(rows[i], documents(rows[i]), _kept(losses[i]) if losses else None) for i in order)


def _kept(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
