"""The course of the day: phases that end by what was reached, and what clients and training saw in each. Not for setting it up."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.sharing.clients import Clients, percentile
from benchmarks.sharing.cluster import running_replicas, training_workers
from cluster.errors import TrainingError
from cluster.observe.progress import SilentReporter, Value

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 400.0


@dataclass(frozen=True)
class Plan:
    """A phase: its load, and what ends it. `posts`: progress that the training tells with these numbers of processes."""

    name: str
    clients: int
    replicas: int
    workers: int
    answers: int
    posts: int


@dataclass(frozen=True)
class Phase:
    """What was seen. Seconds; `until_replicas`, `until_workers`: from its beginning to these numbers, `until_steps`: to the
    first steps of that many workers; `workers` and `replicas` as it ended."""

    name: str
    clients: int
    seconds: float
    answered: int
    failed: int
    p50: float
    p95: float
    replicas: int
    workers: int
    tokens_per_second: float
    until_replicas: float
    until_workers: float
    until_steps: float
    first_failure: str = ""


class Course(SilentReporter):
    """Hears of the training: when it had how many tokens."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._points: list[tuple[float, int]] = []
        self._lock = threading.Lock()

    def start(self, stage: str, unit: str, total: int = 0) -> None: ...

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        with self._lock:
            self._points.append((time.monotonic(), done))

    def since(self, begun: float) -> list[tuple[float, int]]:
        with self._lock:
            return [point for point in self._points if point[0] >= begun]


def speed(points: list[tuple[float, int]]) -> float:
    """Tokens per second between the first and the last point."""
    if len(points) < 2:
        return 0.0
    (first, before), (last, after) = points[0], points[-1]
    return (after - before) / max(last - first, 1e-9)


class Play:
    """Plays phases one after the other, while a training runs elsewhere and tells its course."""

    def __init__(self, clients: Clients, course: Course, tell: Callable[[Phase], None]) -> None:
        self._clients, self._course, self._tell = clients, course, tell
        self.phases: list[Phase] = []

    def run(self, plans: list[Plan]) -> None:
        """Raises TimeoutError where a phase does not reach its end, TrainingError where the training ends before."""
        for plan in plans:
            phase = self._phase(plan)
            self.phases.append(phase)
            self._tell(phase)

    def _phase(self, plan: Plan) -> Phase:
        begun = time.monotonic()
        self._clients.busy(plan.clients, plan.name)
        reached: dict[str, float] = {}
        while not self._over(plan, begun, reached):
            self._still(plan, begun, reached)
            time.sleep(_LOOK_SECONDS)
        answers = self._clients.answers(plan.name)
        failures = [each.failure for each in answers if each.failure]
        return Phase(
            name=plan.name,
            clients=plan.clients,
            seconds=time.monotonic() - begun,
            answered=len(answers) - len(failures),
            failed=len(failures),
            p50=percentile(answers, 50),
            p95=percentile(answers, 95),
            replicas=running_replicas(),
            workers=training_workers(),
            tokens_per_second=speed(self._course.since(begun)),
            until_replicas=reached["replicas"] - begun,
            until_workers=reached["workers"] - begun,
            until_steps=self._course.since(max(reached.values()))[0][0] - begun,
            first_failure=next(iter(failures), ""),
        )

    def _over(self, plan: Plan, begun: float, reached: dict[str, float]) -> bool:
        """Whether the phase has all it waits for; `reached` keeps since when the numbers are right."""
        for what, now, wanted in (
            ("replicas", running_replicas(), plan.replicas),
            ("workers", training_workers(), plan.workers),
        ):
            if now != wanted:
                reached.pop(what, None)
            else:
                reached.setdefault(what, time.monotonic())
        if len(reached) < 2 or len(self._clients.answers(plan.name)) < plan.answers:
            return False
        return len(self._course.since(max(reached.values()))) >= plan.posts

    def _still(self, plan: Plan, begun: float, reached: dict[str, float]) -> None:
        if self._course.ended.is_set():
            raise TrainingError(f"the training ended in the phase {plan.name!r}", "", "see what it said above")
        if time.monotonic() - begun > _PATIENCE_SECONDS:
            raise TimeoutError(
                f"{plan.name} did not end in {_PATIENCE_SECONDS:.0f} s: {running_replicas()} replicas, {training_workers()} workers, "
                f"{len(self._clients.answers(plan.name))} answers; wanted {plan}, reached {sorted(reached)}"
            )
