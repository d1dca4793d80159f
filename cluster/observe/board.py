"""Progress from remote processes: a small Ray actor that they post to and the driver's reporter reads.

Not for results: an event may be lost when the driver goes, what counts is in the artifacts.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from cluster.observe.progress import Reporter, Value

_POLL_SECONDS = 0.5
Event = tuple[str, int, dict[str, Value]]


@ray.remote(num_cpus=0, max_concurrency=4)
class _Board:
    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._stop = False

    def post(self, stage: str, done: int, facts: dict[str, Value]) -> bool:
        """Keep the newest event of a stage; answers whether a stop was asked for."""
        self._events[stage] = (stage, done, facts)
        return self._stop

    def take(self) -> list[Event]:
        events, self._events = list(self._events.values()), {}
        return events

    def ask_to_stop(self) -> None:
        self._stop = True


class Board:
    """Handle that can be sent to any Ray process."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def post(self, stage: str, done: int, **facts: Value) -> Any:
        """Tell `done` units of a stage; returns at once an object reference to `True` once a stop was asked for."""
        return self._actor.post.remote(stage, done, facts)

    def ask_to_stop(self) -> None:
        """Ask the remote processes to end at their next safe place."""
        ray.get(self._actor.ask_to_stop.remote())

    def take(self) -> list[Event]:
        return ray.get(self._actor.take.remote())  # type: ignore[no-any-return]


@contextmanager
def open_board(reporter: Reporter) -> Iterator[Board]:
    """A board whose events reach `reporter` for the time of the block."""
    board = Board(_Board.remote())
    ended = threading.Event()

    def relay() -> None:
        while not ended.wait(_POLL_SECONDS):
            for stage, done, facts in board.take():
                reporter.advance(stage, done, **facts)

    thread = threading.Thread(target=relay, name="hanlin-board", daemon=True)
    thread.start()
    try:
        yield board
    finally:
        ended.set()
        thread.join()
        for stage, done, facts in board.take():
            reporter.advance(stage, done, **facts)
        ray.kill(board._actor)
