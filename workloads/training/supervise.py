"""The driver's part while workers train: wait, look at the cluster, bring them to a stop, and say what ended them.

Not for starting them: elastic.py. Ray Train's blocking call runs in a thread, so that signals reach the main thread.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import ray

from cluster.capacity import Waiting
from cluster.errors import HanlinError, Interrupted, TrainingError
from cluster.observe.board import Board
from workloads.training.loop import Ending

_PATIENCE_S = 120.0  # for the checkpoint of a stopped run
_ABANDON_S = 30.0  # for Ray to notice that the controller is gone
_WAIT_S = 0.2


@dataclass(frozen=True)
class Resize:
    """The workers have left a checkpoint, to go on as this many."""

    workers: int


def supervise(fit: Callable[[], Any], board: Board, waiting: Waiting, change: Callable[[bool], int | None]) -> Ending | Resize:
    """Run Ray Train's `fit` until the workers end, or until `change`, told whether they have room, says another number of them.

    Raises Interrupted after Ctrl-C or SIGTERM, once a checkpoint stands; TrainingError for workers lost too often.
    """
    running, watch = _InBackground(fit), _Watch(board, waiting, change)
    try:
        while not running.done(_WAIT_S):
            if watch.workers is not None:
                return _resize(running, board, waiting, watch.workers)
    except (KeyboardInterrupt, Interrupted) as stop:
        _interrupt(running, board, waiting, stop)
    finally:
        watch.end()
    return _ending(running)


class _InBackground:
    """Ray Train's blocking call in a thread, so that signals reach this process's main thread and not Ray's handler."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self._call = call
        self._ended = threading.Event()  # not Thread.join: an interrupted join takes the thread for ended (Python 3.11)
        threading.Thread(target=self._run, name="hanlin-training", daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:  # noqa: BLE001  # kept for the waiting thread, which raises it
            self.error = error
        finally:
            self._ended.set()

    def done(self, seconds: float) -> bool:
        return self._ended.wait(seconds)


class _Watch:
    """Looks at the cluster in a thread of its own: the main thread only waits, since Ray's calls can swallow a Ctrl-C."""

    def __init__(self, board: Board, waiting: Waiting, change: Callable[[bool], int | None]) -> None:
        self.workers: int | None = None
        self._board, self._waiting, self._change = board, waiting, change
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hanlin-watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        begun = False
        while self.workers is None and not self._ended.wait(_WAIT_S):
            try:
                self._waiting.look()
                begun = begun or self._board.begun()
                placed = not self._waiting.pending()
                if begun or not placed:
                    self.workers = self._change(placed)
            except Exception:  # noqa: BLE001  # the head may be away; the workers need none of this: look again
                continue

    def end(self) -> None:
        self._ended.set()
        self._thread.join(_ABANDON_S)


def _interrupt(running: _InBackground, board: Board, waiting: Waiting, stop: BaseException) -> NoReturn:
    if waiting.pending() or not board.begun():
        _abandon(running)
        raise Interrupted("training was stopped while it waited for machines", "", "run the same command again") from stop
    _stop(running, board)
    if running.error is None:
        _ending(running)
    raise Interrupted("training was stopped", "its newest checkpoint stands", "run the same command again to go on") from stop


def _resize(running: _InBackground, board: Board, waiting: Waiting, workers: int) -> Ending | Resize:
    """Stop at the next step boundary, to go on as that many; the job may have ended meanwhile."""
    if waiting.pending() or not board.begun():
        _abandon(running)
        return Resize(workers)
    _stop(running, board)
    ending = _ending(running)
    return Resize(workers) if ending == "stopped" else ending


def _stop(running: _InBackground, board: Board) -> None:
    """Have the workers leave a checkpoint and end."""
    board.ask_to_stop()
    if not running.done(_PATIENCE_S):
        raise TrainingError("the workers did not stop in time", "the last checkpoint stands", "run again to go on")


def _ending(running: _InBackground) -> Ending:
    """How rank 0 ended. Raises what it met, in a line."""
    if running.error is not None:
        raise _plain(running.error) from running.error
    result: Ending | HanlinError = running.result.return_value
    if isinstance(result, HanlinError):
        raise result
    return result


def _abandon(running: _InBackground) -> None:
    """End Ray Train's controller, and with it its claim on machines: no worker is there that could leave a checkpoint."""
    from ray._private.state import state
    from ray._private.worker import global_worker

    mine = ray.get_runtime_context().get_job_id()
    for actor, each in state.actor_table(None).items():
        if each["ActorClassName"] == "TrainController" and each["JobID"] == mine and each["State"] != "DEAD":
            global_worker.core_worker.kill_actor(ray.ActorID.from_hex(actor), True)  # type: ignore[attr-defined]
    running.done(_ABANDON_S)


def _plain(error: Exception) -> HanlinError:
    """What Ray Train raises, as one line."""
    failures = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause = getattr(failure, "_base_exc", failure)
        if isinstance(cause, HanlinError):
            return cause
    reasons = [str(failure).strip().splitlines()[-1] for failure in (*failures.values(), error) if str(failure).strip()]
    return TrainingError(
        f"training lost its workers more often than allowed ({reasons[0] if reasons else type(error).__name__})",
        "the last checkpoint stands",
        "run the same command again to go on, or raise `training.max_failures`",
    )
