"""The driver's part while workers train: wait, look at the cluster, bring them to a stop, and say what ended them.

Not for starting them: elastic.py. Ray Train's blocking call runs in a thread, so that signals reach the main thread.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from cluster.capacity import Waiting
from cluster.errors import HanlinError, Interrupted, TrainingError
from cluster.observe.board import Board
from workloads.training.background import InBackground, plain
from workloads.training.rollcall import Ending

_PATIENCE_S = 120.0  # for the checkpoint of a stopped run
_WAIT_S = 0.2
_LOOK_S = 0.5  # each look asks other processes, which compute on the same processors as the workers on a small machine


class Workers(Protocol):
    """The workers of a run, whose groups run in the background."""

    def done(self, seconds: float) -> bool:
        """Wait; whether nothing runs any more."""

    def look(self) -> int | None:
        """To be called often, from one thread: see to their number. Answers another number that only a restart can bring."""

    def placed(self) -> bool:
        """Whether they have found room, so that they can leave a checkpoint."""

    def abandon(self) -> None:
        """Give up workers that have none."""

    def ending(self) -> Ending:
        """How they ended. Raises what they met, in a line."""


@dataclass(frozen=True)
class Resize:
    """The workers have left a checkpoint, to go on as this many."""

    workers: int


def supervise(workers: Workers, board: Board) -> Ending | Resize:
    """Wait until the workers end, or until another number of them is right that needs a restart.

    Raises Interrupted after Ctrl-C or SIGTERM, once a checkpoint stands; TrainingError for workers lost too often.
    """
    watch = _Watch(workers)
    try:
        while not workers.done(_WAIT_S):
            if watch.wanted is not None:
                return _resize(workers, board, watch.wanted)
    except (KeyboardInterrupt, Interrupted) as stop:
        _interrupt(workers, board, stop)
    finally:
        watch.end()
    return workers.ending()


class FixedGroup:
    """Workers of one Ray Train group that are lost together and start again from a checkpoint, also at another size."""

    def __init__(self, fit: Callable[[], Any], board: Board, waiting: Waiting, change: Callable[[bool], int | None]) -> None:
        self._running, self._board, self._waiting, self._change = InBackground(fit), board, waiting, change
        self._begun = False
        self.done, self.abandon = self._running.done, self._running.abandon

    def look(self) -> int | None:
        self._waiting.look()
        self._begun = self._begun or self._board.begun()
        placed = not self._waiting.pending()
        return self._change(placed) if self._begun or not placed else None

    def placed(self) -> bool:
        return not self._waiting.pending() and self._board.begun()

    def ending(self) -> Ending:
        """How rank 0 ended. Raises what it met, in a line."""
        if self._running.error is not None:
            raise plain(self._running.error) from self._running.error
        result: Ending | HanlinError = self._running.result.return_value
        if isinstance(result, HanlinError):
            raise result
        return result


class _Watch:
    """Looks at the cluster in a thread of its own: the main thread only waits, since Ray's calls can swallow a Ctrl-C."""

    def __init__(self, workers: Workers) -> None:
        self.wanted: int | None = None
        self._workers = workers
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hanlin-watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self.wanted is None and not self._ended.wait(_LOOK_S):
            try:
                self.wanted = self._workers.look()
            except Exception:  # noqa: BLE001  # the head may be away; the workers need none of this: look again
                continue

    def end(self) -> None:
        self._ended.set()
        self._thread.join(_PATIENCE_S)


def _interrupt(workers: Workers, board: Board, stop: BaseException) -> NoReturn:
    if not workers.placed():
        workers.abandon()
        raise Interrupted("training was stopped while it waited for machines", "", "run the same command again") from stop
    _stop(workers, board)
    workers.ending()
    raise Interrupted("training was stopped", "its newest checkpoint stands", "run the same command again to go on") from stop


def _resize(workers: Workers, board: Board, wanted: int) -> Ending | Resize:
    """Stop at the next step boundary, to go on as that many; the job may have ended meanwhile."""
    if not workers.placed():
        workers.abandon()
        return Resize(wanted)
    _stop(workers, board)
    ending = workers.ending()
    return Resize(wanted) if ending == "stopped" else ending


def _stop(workers: Workers, board: Board) -> None:
    """Have the workers leave a checkpoint and end."""
    board.ask_to_stop()
    if not workers.done(_PATIENCE_S):
        raise TrainingError("the workers did not stop in time", "the last checkpoint stands", "run again to go on")
