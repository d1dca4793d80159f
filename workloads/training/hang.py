"""A training process that gives no sign of life: where it hangs is written down, told, and at last it ends, to be started again.

A process that waits in an exchange is not the one that hangs: it is told apart, and left to the exchange's own time limit.
"""

import contextlib
import faulthandler
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from workloads.training.clock import Clock
from workloads.training.run_folder import RunFolder

_LOOK_SECONDS = 1.0
_END_AFTER = 2  # times the limit: the others get to write down where they wait
_SLOWEST = 20  # times the mean step is no hang yet, whatever the limit
_WITH_OTHERS = ("exchange", "meeting")
_PATIENT = ("start", "evaluation", "checkpoint")  # phases that may be long


def stack_dump() -> str:
    """The stacks of all threads of this process, the newest call first."""
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read().decode(errors="replace")


class HangWatch:
    """Looks at a clock. `tell` hears one line per hang; `end` ends the process."""

    def __init__(
        self, clock: Clock, limit: float, rank: int, folder: RunFolder, tell: Callable[[str], None], end: Callable[[], None]
    ) -> None:
        self._clock, self._limit, self._rank, self._folder = clock, limit, rank, folder
        self._tell, self._end = tell, end
        self._told_since = -1.0
        self._first_step: tuple[int, float] | None = None

    def look(self, now: float) -> None:
        """Once a second or so."""
        clock = self._clock
        silent, phase, since = clock.silent(), clock.phase, clock.since
        limit = self._allowed(now - silent)
        if silent < limit:
            return
        if self._told_since != since:
            self._told_since = since
            self._write_down(silent)
        if phase not in (*_PATIENT, *_WITH_OTHERS) and silent >= _END_AFTER * limit and clock.since == since:
            self._end()

    def _allowed(self, now: float) -> float:
        """The limit, or twenty times the mean step until `now` where steps are slow."""
        if self._first_step is None and self._clock.step:
            self._first_step = (self._clock.step, now)
        if self._first_step is None or self._clock.step <= self._first_step[0]:
            return self._limit
        mean = (now - self._first_step[1]) / (self._clock.step - self._first_step[0])
        return max(self._limit, _SLOWEST * mean)

    def _write_down(self, silent: float) -> None:
        clock = self._clock
        name = f"stacks/rank-{self._rank}-step-{clock.step}.txt"
        what = f"waits for the others in its {clock.phase}" if clock.phase in _WITH_OTHERS else f"hangs in {clock.phase}"
        head = f"rank {self._rank} (process {os.getpid()}) {what} after step {clock.step}, for {silent:.0f} s"
        with contextlib.suppress(Exception):  # what can be told is told, whatever the store does
            self._folder.write(name, f"{head}\n\n{stack_dump()}".encode())
        self._tell(f"{head}; its stack is in {name}")


@contextlib.contextmanager
def watched(clock: Clock, limit: float, rank: int, folder: RunFolder, tell: Callable[[str], None]) -> Iterator[None]:
    """Watch this process for the time of the block, also where its interpreter hangs as a whole (then to a local file)."""
    watch = HangWatch(clock, limit, rank, folder, tell, lambda: os.kill(os.getpid(), signal.SIGKILL))
    ended = threading.Event()
    local = Path(tempfile.gettempdir()) / f"hanlin-{os.getuid()}" / f"hang-{os.getpid()}.txt"
    local.parent.mkdir(parents=True, exist_ok=True)
    with local.open("w") as file:

        def work() -> None:
            while not ended.wait(_LOOK_SECONDS):
                # a thread without Python's lock writes the stacks, should this one not come round again in time
                faulthandler.dump_traceback_later(limit, file=file)
                watch.look(time.monotonic())

        thread = threading.Thread(target=work, name="hanlin-hang-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            faulthandler.cancel_dump_traceback_later()
    local.unlink(missing_ok=True)
