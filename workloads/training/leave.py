"""SIGTERM sent to a training worker: note it, so that the run leaves a checkpoint before the process goes.

Ray Train runs the training function in a thread while the process's main thread serves Ray; only the main thread may set a
signal's handler. The callback below has Ray Train execute `watch_sigterm` there.
"""

import os
import signal
import threading
from types import FrameType

from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.worker_group import ExecutionGroup

_GRACE_S = 60.0  # after it the process ends the way it would have without us
_flag = threading.Event()


class WorkerLeft(Exception):
    """Makes Ray Train start the worker group again, from the checkpoint."""


class LeaveOnSigterm(WorkerGroupCallback):  # type: ignore[misc]
    """Ray Train calls this in its controller, whenever a group of workers has started."""

    def after_execution_group_start(self, execution_group: "ExecutionGroup") -> None:
        execution_group.execute(watch_sigterm)


def leave_flag() -> threading.Event:
    """Set once this process was told to go."""
    return _flag


def watch_sigterm() -> None:
    """The first SIGTERM sets the flag; a second one, or the end of the grace, ends the process as before."""
    before = signal.getsignal(signal.SIGTERM)

    def give_up() -> None:
        signal_again()

    def signal_again() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def on_sigterm(signum: int, frame: FrameType | None) -> None:
        _flag.set()
        signal.signal(signal.SIGTERM, before)
        timer = threading.Timer(_GRACE_S, give_up)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, on_sigterm)
