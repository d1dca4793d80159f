"""What a run tells to other terminals and machines: its stages and their facts, in `<store>/status/<run>.json`.

Not for results nor for going on: a status may be some seconds old, and a run that cannot write it goes on without.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from cluster import storage
from cluster.errors import HanlinError
from cluster.observe.progress import Reporter, StageState, StageTracking, Value
from cluster.storage import Location

FOLDER = "status"
_WRITE_SECONDS = 2.0
_NOTES = 20


@dataclass(frozen=True)
class RunStatus:
    """The last word of a run. `updated`: Unix time; `ended`: it has said that it ends; `notes`: (event, facts), newest last."""

    run: str
    host: str
    pid: int
    started: float
    updated: float
    ended: bool
    stages: list[StageState]
    notes: list[tuple[str, Mapping[str, Value]]] = field(default_factory=list)

    def note(self, event: str) -> Mapping[str, Value]:
        """The facts of the newest note of this name; empty where there is none."""
        return next((facts for name, facts in reversed(self.notes) if name == event), {})


class StatusReporter(StageTracking):
    """Hands everything on to another reporter and writes it down as well."""

    def __init__(self, inner: Reporter, store: Location, run: str) -> None:
        super().__init__()
        self._inner, self._file, self._run = inner, store / FOLDER / f"{run}.json", run
        self._started, self._pid, self._host = time.time(), os.getpid(), socket.gethostname()
        self._notes: list[tuple[str, Mapping[str, Value]]] = []
        self.works = False  # a run with nothing to do leaves what the last one wrote

    def start(self, stage: str, unit: str, total: int = 0) -> None:
        self.works = True
        super().start(stage, unit, total)
        self._inner.start(stage, unit, total)

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        super().advance(stage, done, total, **facts)
        self._inner.advance(stage, done, total, **facts)

    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None:
        super().finish(stage, outcome, **facts)
        self._inner.finish(stage, outcome, **facts)

    def note(self, event: str, **facts: Value) -> None:
        with self._lock:
            self._notes = [*self._notes, (event, facts)][-_NOTES:]
        self._inner.note(event, **facts)

    def write(self, ended: bool = False) -> None:
        """Raises StorageError."""
        now = time.monotonic()
        with self._lock:
            stages = [{**asdict(state), "now": now} for state in self._stages.values()]
            values = {
                "run": self._run,
                "host": self._host,
                "pid": self._pid,
                "started": self._started,
                "updated": time.time(),
                "ended": ended,
                "stages": stages,
                "notes": self._notes,
            }
        storage.write_bytes(self._file, json.dumps(values, default=str).encode())


@contextmanager
def shared_status(inner: Reporter, store: Location, run: str) -> Iterator[Reporter]:
    """A reporter like `inner` that others can look at for the time of the block."""
    reporter, ended = StatusReporter(inner, store, run), threading.Event()

    def work() -> None:
        while not ended.wait(_WRITE_SECONDS):
            with suppress(HanlinError):
                if reporter.works:
                    reporter.write()

    thread = threading.Thread(target=work, name="hanlin-status", daemon=True)
    thread.start()
    try:
        yield reporter
    finally:
        ended.set()
        thread.join()
        if reporter.works:
            with suppress(HanlinError):
                reporter.write(ended=True)


def read_statuses(store: Location) -> list[RunStatus]:
    """Of every run of a store that told anything, the newest word last."""
    found = []
    for file in storage.list_files(store / FOLDER):
        if file.path.endswith(".json"):
            with suppress(ValueError, TypeError, KeyError):
                found.append(_status(json.loads(storage.read_bytes(store / FOLDER / file.path))))
    return sorted(found, key=lambda status: status.updated)


def _status(values: dict[str, object]) -> RunStatus:
    raw = dict(values)
    stages = [_stage(each) for each in raw.pop("stages")]  # type: ignore[attr-defined]
    notes = [(event, facts) for event, facts in raw.pop("notes")]  # type: ignore[attr-defined]
    return RunStatus(stages=stages, notes=notes, **raw)  # type: ignore[arg-type]


def _stage(values: dict[str, object]) -> StageState:
    """With the writer's monotonic times moved to this machine's."""
    raw = dict(values)
    shift = time.monotonic() - float(raw.pop("now"))  # type: ignore[arg-type]
    state = StageState(**raw)  # type: ignore[arg-type]
    state.started += shift
    state.first_counted += shift if state.first_counted else 0.0
    state.ended += shift if state.ended else 0.0
    return state


def since(moment: float) -> str:
    """A Unix time as UTC, for people."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
