"""SIGTERM sent to a training worker: noted, so that the run leaves a checkpoint before the process goes. No Ray here.

Ray Train runs the training function in a thread while the process's main thread serves Ray, and only a main thread may set
a signal's handler: elastic.py has Ray Train execute `watch_sigterm` there.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

GRACE_S = 60.0  # after it the process ends the way it would have without us

_told = threading.Event()
_training = threading.Event()


class WorkerLeft(Exception):
    """Ends a worker's training function so that the group starts again from the checkpoint, without the one that left."""


def told_to_leave() -> bool:
    return _told.is_set()


@contextlib.contextmanager
def training() -> Iterator[None]:
    """Within the block a SIGTERM is only noted: a checkpoint is worth waiting for."""
    _training.set()
    try:
        yield
    finally:
        _training.clear()


def watch_sigterm() -> None:
    """From now on the first SIGTERM while training is noted; any other, or the end of the grace, has its effect of before.

    Main thread only.
    """
    before = signal.getsignal(signal.SIGTERM)

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def noted(_signum: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        if not _training.is_set():
            end()
            return
        _told.set()
        timer = threading.Timer(GRACE_S, end)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, noted)
