"""What the processes of a run take, step by step: time on the clock, time of processors, memory. Sampled by a thread of the driver.

It sees this process and all that it started, so the whole of a private Ray session; of a cluster that was joined it sees the
driver alone, and says so. Not for a server's metrics: metrics.py.
"""

import threading
import time
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 1.0
"""A sample of the 16 processes of a small session takes 17 ms of a processor (measured 2026-11-28)."""

_RAYLET, _WORKER = "raylet", "ray::"


@dataclass(frozen=True)
class Sample:
    """Bytes of memory and seconds of processors since their start, by process. Memory is the proportional set size, in which
    shared pages count once, where the system tells it (Linux), else the resident set. `raylet`: Ray's node is among them."""

    memory: dict[tuple[int, float], int]
    processor_seconds: dict[tuple[int, float], float]
    workers: frozenset[tuple[int, float]]
    raylet: bool


@dataclass(frozen=True)
class StepUsage:
    """What one step took: seconds on the clock and of all processors; bytes at most, of all processes at the same moment, of the
    driver, and of the largest worker. `whole`: workers and Ray itself were seen, not the driver alone."""

    step: str
    seconds: float
    processor_seconds: float
    peak_bytes: int
    driver_bytes: int
    worker_bytes: int
    whole: bool


def sample_processes(root: psutil.Process) -> Sample:
    """This process and all below it; one that ends meanwhile is left out."""
    memory: dict[tuple[int, float], int] = {}
    seconds: dict[tuple[int, float], float] = {}
    workers, raylet = set(), False
    for process in [root, *root.children(recursive=True)]:
        try:
            with process.oneshot():
                key, times, full = (process.pid, process.create_time()), process.cpu_times(), process.memory_full_info()
                name, arguments = process.name(), process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        memory[key] = int(getattr(full, "pss", full.rss))
        seconds[key] = times.user + times.system
        raylet = raylet or name == _RAYLET
        if arguments and arguments[0].startswith(_WORKER):
            workers.add(key)
    return Sample(memory, seconds, frozenset(workers), raylet)


class Meter:
    """Samples for the time of a `with` block, from the step `first` on. What a process takes between its last sample and its end
    is not seen."""

    def __init__(self, first: str) -> None:
        self._root, self._lock, self._stopped = psutil.Process(), threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="usage", daemon=True)
        self._steps: list[StepUsage] = []
        self._before = self._latest = sample_processes(self._root).processor_seconds
        self._begin(first)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def at(self, step: str) -> None:
        """The step so far ends, the next begins."""
        with self._lock:
            self._end()
            self._begin(step)

    def done(self) -> tuple[StepUsage, ...]:
        """All steps; the last one ends."""
        with self._lock:
            self._end()
        return tuple(self._steps)

    def _watch(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            with self._lock:
                self._look()

    def _begin(self, step: str) -> None:
        self._step, self._begun, self._spent = step, time.perf_counter(), self._total()
        self._peak = self._driver = self._worker = 0
        self._whole = False

    def _end(self) -> None:
        self._look()
        seconds, spent = time.perf_counter() - self._begun, self._total() - self._spent
        sizes = self._peak, self._driver, self._worker
        self._steps.append(StepUsage(self._step, round(seconds, 3), round(spent, 2), *sizes, self._whole))

    def _look(self) -> None:
        sample = sample_processes(self._root)
        self._latest = {**self._latest, **sample.processor_seconds}
        self._peak = max(self._peak, sum(sample.memory.values()))
        self._driver = max(self._driver, sample.memory.get((self._root.pid, self._root.create_time()), 0))
        self._worker = max([self._worker, *(sample.memory[each] for each in sample.workers)])
        self._whole = self._whole or sample.raylet

    def _total(self) -> float:
        return sum(self._latest.values()) - sum(self._before.values())
