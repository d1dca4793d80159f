"""Progress from remote processes: a small Ray actor that they post to and the driver's reporter reads.

Not for results: an event may be lost when the driver goes, what counts is in the artifacts.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from cluster.observe.progress import Reporter, Value

_POLL_SECONDS = 0.5
Event = tuple[str, int, int, dict[str, Value]]
Told = tuple[str, dict[str, Value]]


@dataclass(frozen=True)
class News:
    """What came since the last time: progress, things told (an event and its facts), and each process's newest pace."""

    events: list[Event] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    paces: Mapping[int, float] = field(default_factory=dict)


class _Board:
    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._told: list[Told] = []
        self._paces: dict[int, float] = {}
        self._stop = False
        self._begun = False

    def begin(self) -> None:
        self._begun = True

    def begun(self) -> bool:
        return self._begun

    def post(self, stage: str, done: int, total: int, facts: dict[str, Value]) -> bool:
        """Keep the newest event of a stage; answers whether a stop was asked for."""
        self._events[stage] = (stage, done, total, facts)
        return self._stop

    def tell(self, event: str, facts: dict[str, Value]) -> None:
        self._told.append((event, facts))

    def pace(self, process: int, seconds: float) -> None:
        self._paces[process] = seconds

    def take(self) -> News:
        news = News(list(self._events.values()), self._told, self._paces)
        self._events, self._told, self._paces = {}, [], {}
        return news

    def ask_to_stop(self) -> None:
        self._stop = True


class Board:
    """Handle that can be sent to any Ray process."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def post(self, stage: str, done: int, total: int = 0, **facts: Value) -> Any:
        """Tell `done` units of a stage (of `total`; 0: unchanged). Returns at once; the object reference that comes
        back resolves to True once a stop was asked for."""
        return self._actor.post.remote(stage, done, total, facts)

    def tell(self, event: str, **facts: Value) -> None:
        """Tell something that must not be lost among the progress. Returns at once."""
        self._actor.tell.remote(event, facts)

    def pace(self, process: int, seconds: float) -> None:
        """Tell how long a process works for one unit, by itself. Returns at once."""
        self._actor.pace.remote(process, seconds)

    def begin(self) -> None:
        """Tell that the remote processes are there. Returns at once."""
        self._actor.begin.remote()

    def begun(self) -> bool:
        """Whether remote processes have been there; also where the actor cannot be asked."""
        try:
            return bool(ray.get(self._actor.begun.remote()))
        except RayError:
            return True

    def ask_to_stop(self) -> None:
        """Ask the remote processes to end at their next safe place."""
        ray.get(self._actor.ask_to_stop.remote())

    def take(self) -> News:
        """What came since the last time; nothing while the actor cannot be reached, since progress never stops a run."""
        try:
            news: News = ray.get(self._actor.take.remote())
        except RayError:
            return News()
        return news

    def close(self) -> None:
        ray.kill(self._actor)


@contextmanager
def open_board(reporter: Reporter, hear: Callable[[News], None] = lambda _: None) -> Iterator[Board]:
    """A board whose events reach `reporter` for the time of the block; `hear` gets all news too."""
    board = Board(ray.remote(_Board).options(num_cpus=0, memory=50 << 20, max_restarts=-1, max_task_retries=-1).remote())
    ended = threading.Event()

    def pass_on() -> None:
        news = board.take()
        for stage, done, total, facts in news.events:
            reporter.advance(stage, done, total or None, **facts)
        for event, facts in news.told:
            reporter.note(event, **facts)
        hear(news)

    def relay() -> None:
        while not ended.wait(_POLL_SECONDS):
            pass_on()

    thread = threading.Thread(target=relay, name="hanlin-board", daemon=True)
    thread.start()
    try:
        yield board
    finally:
        ended.set()
        thread.join()
        pass_on()
        board.close()
