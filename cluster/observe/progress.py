"""One progress display for a run: a live table on a terminal, one `event key=value` line per event elsewhere.

Stages call `Reporter`; they never print. Remote processes send their events through `Board` (see board.py).
"""

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

Value = str | int | float
_QUIET_SECONDS = 5.0  # between two progress lines of one stage when there is no terminal


@dataclass
class StageState:
    """What one stage has told so far. `rate` is units per second since the stage began to count."""

    name: str
    unit: str
    total: int
    started: float
    done: int = 0
    first_counted: float = 0.0
    first_done: int = 0
    ended: float = 0.0
    outcome: str = ""
    facts: dict[str, Value] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        now = self.ended or time.monotonic()
        return (self.done - self.first_done) / max(now - self.first_counted, 1e-9) if self.done > self.first_done else 0.0

    @property
    def eta_seconds(self) -> float | None:
        return (self.total - self.done) / self.rate if self.rate and self.total > self.done else None


class Reporter(Protocol):
    """Where a stage tells how far it is."""

    def start(self, stage: str, unit: str, total: int = 0) -> None:
        """A stage begins; `total` of 0 means unknown."""

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        """`done` units so far (absolute), with facts to show (loss=3.21)."""

    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None:
        """The stage has ended: `done`, `already done`, `failed` or `stopped`."""

    def note(self, event: str, **facts: Value) -> None:
        """Something worth one line that is no progress: a fallback, a warning, an address."""


class SilentReporter:
    """Reports to nobody: for library use and tests."""

    def start(self, stage: str, unit: str, total: int = 0) -> None: ...
    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None: ...
    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None: ...
    def note(self, event: str, **facts: Value) -> None: ...


def line(event: str, facts: Mapping[str, Value]) -> str:
    """`event key=value ...`; text with spaces is quoted."""
    return " ".join([event, *(f"{key}={_value(value)}" for key, value in facts.items())])


def _value(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    text = str(value)
    return f'"{text}"' if " " in text or not text else text


class StageTracking:
    """Keeps each stage's state; subclasses show it."""

    def __init__(self) -> None:
        self._stages: dict[str, StageState] = {}
        self._lock = threading.RLock()

    def start(self, stage: str, unit: str, total: int = 0) -> None:
        with self._lock:
            self._stages[stage] = StageState(stage, unit, total, time.monotonic())
            self._show_start(self._stages[stage])

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        with self._lock:
            state = self._stages[stage]
            if not state.first_counted or done < state.done:  # it begins to count, or does again what was lost
                state.first_counted, state.first_done = time.monotonic(), done
            state.done, state.total = done, state.total if total is None else total
            state.facts |= facts
            self._show_advance(state)

    def finish(self, stage: str, outcome: str = "done", **facts: Value) -> None:
        with self._lock:
            state = self._stages.setdefault(stage, StageState(stage, "", 0, time.monotonic()))
            state.ended, state.outcome = time.monotonic(), outcome
            state.facts |= facts
            self._show_finish(state)

    def _show_start(self, state: StageState) -> None: ...
    def _show_advance(self, state: StageState) -> None: ...
    def _show_finish(self, state: StageState) -> None: ...


class LineReporter(StageTracking):
    """One line per event, at most one progress line per stage every few seconds."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stderr
        self._last = 0.0

    def _show_start(self, state: StageState) -> None:
        facts: dict[str, Value] = {"stage": state.name}
        if state.total:
            facts["total"] = state.total
        self._write("stage_start", facts)
        self._last = time.monotonic()

    def _show_advance(self, state: StageState) -> None:
        if time.monotonic() - self._last < _QUIET_SECONDS:
            return
        self._last = time.monotonic()
        facts: dict[str, Value] = {"stage": state.name, state.unit: state.done}
        if state.total:
            facts["total"] = state.total
        facts[f"{state.unit}_per_second"] = state.rate
        if (eta := state.eta_seconds) is not None:
            facts["eta_seconds"] = round(eta)
        self._write("progress", facts | state.facts)

    def _show_finish(self, state: StageState) -> None:
        seconds = round(state.ended - state.started, 1)
        facts: dict[str, Value] = {"stage": state.name, "outcome": state.outcome, "seconds": seconds}
        self._write("stage_end", facts | state.facts)

    def note(self, event: str, **facts: Value) -> None:
        with self._lock:
            self._write(event, facts)

    def _write(self, event: str, facts: Mapping[str, Value]) -> None:
        print(line(event, facts), file=self._stream, flush=True)


class LiveReporter(StageTracking):
    """A table that stays in place on a terminal: stage, progress, rate, ETA, facts."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4)

    def __enter__(self) -> "LiveReporter":
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def note(self, event: str, **facts: Value) -> None:
        self.console.print(Text(line(event, facts), style="dim"))

    def _render(self) -> Group:
        with self._lock:
            return Group(stage_table(self._stages.values()))


def stage_table(states: Iterable[StageState]) -> Table:
    """A row per stage."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("stage", "", "rate", "time", "ETA"):
        table.add_column(column, no_wrap=True)
    table.add_column("")
    for state in states:
        table.add_row(*_row(state))
    return table


def _row(state: StageState) -> tuple[Text, str, str, str, str, str]:
    now = state.ended or time.monotonic()
    mark, style = {"": ("▸", "bold"), "failed": ("✗", "red"), "stopped": ("■", "yellow")}.get(state.outcome, ("✓", "green"))
    progress = state.outcome if state.outcome not in ("", "done") else f"{state.done:,} {state.unit}" if state.done else ""
    if not state.outcome and state.total:
        filled = round(20 * min(state.done / state.total, 1))
        progress = "█" * filled + "░" * (20 - filled) + f" {100 * state.done / state.total:3.0f} %"
    rate = f"{state.rate:,.0f} {state.unit}/s" if state.rate else ""
    eta = _clock(state.eta_seconds) if not state.outcome and state.eta_seconds is not None else ""
    facts = "  ".join(f"{key} {_value(value)}" for key, value in state.facts.items())
    return Text(f"{mark} {state.name}", style=style), progress, rate, _clock(now - state.started), eta, facts


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@contextmanager
def open_reporter(stream: IO[str] | None = None) -> Iterator[Reporter]:
    """The reporter that fits where the output goes: live on a terminal, lines elsewhere."""
    console = Console(file=stream or sys.stderr)
    if not console.is_terminal:
        yield LineReporter(stream)
        return
    with LiveReporter(console) as live:
        yield live
