"""What a running step tells the outside: the driver's board, Prometheus (through Ray) and, where a URI is given, MLflow.

Not for what is kept with the checkpoints: metrics.py and loop.py.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import ray

from cluster.errors import HanlinError
from cluster.observe import metrics
from cluster.observe.board import Board
from cluster.observe.progress import Value
from workloads.training.clock import Clock, Spent
from workloads.training.job import Job
from workloads.training.leave import told_to_leave
from workloads.training.listener import IncidentKind
from workloads.training.lost_time import Bookkeeper
from workloads.training.metrics import StepRecord
from workloads.training.overseer import TOLD
from workloads.training.tracking import Tracking

STAGE = "training"
_POST_S = 0.5  # between two events to the progress display
_PACE_S = 2.0  # between two words on how long this process works for a step


@dataclass(frozen=True)
class Start:
    """When the driver began (Unix time)."""

    time: float


class Posting:
    """A listener that posts to the driver's board, to Prometheus (through Ray) and, where a URI is given, to MLflow."""

    def __init__(self, board: Board, job: Job, rank: int, start: Start) -> None:
        self.clock = Clock()
        self._board, self._run, self._rank = board, job.run, rank
        self._facts: dict[str, Value] = {}
        self._next_post = 0.0
        self._answer: Any = None
        self._stop = False
        self._job, self._start = job, start
        self._tracking: Tracking | None = None  # of the process that tells, in whose place another may come
        self._books: Bookkeeper | None = None
        self._keeps_books = True
        self._busy, self._steps, self._next_pace = 0.0, 0, 0.0
        if rank == 0:
            metrics.TRAINING_CHECKPOINT_TIME.record(time.time(), run=job.run)

    def step(self, record: StepRecord) -> None:
        self._facts["loss"], self._facts["lr"] = record.loss, record.learning_rate
        metrics.TRAINING_STEP_TIME.record(time.time(), run=self._run)
        now = time.monotonic()
        if now >= self._next_post:
            self._next_post = now + _POST_S
            self._post(record)

    def line(self, record: StepRecord) -> None:
        self._facts |= {"loss": record.loss, "lr": record.learning_rate}
        self._facts |= {"tokens/s": round(record.tokens_per_second), "mfu": record.mfu, "wait": record.wait}
        if record.bits_per_character is not None:
            self._facts["bits/char"] = record.bits_per_character
        if record.heldout_bits_per_character is not None:
            self._facts["heldout_bits_per_character"] = record.heldout_bits_per_character
        self._facts["workers"] = record.workers
        self._measure(record)
        if self._tracking is None:
            self._tracking = Tracking(self._job.spec.tracking_uri, self._run, self._job.work.fingerprint, self.note)
        self._tracking.log(record, **self._stand())
        self._post(record)

    def saved(self, step: int) -> None:
        self._facts["checkpoint"] = step
        metrics.TRAINING_CHECKPOINT_TIME.record(time.time(), run=self._run)

    def went_on(self, workers: int, seconds: float) -> None:
        self._facts["workers"] = workers
        self._facts["pause_s"] = seconds
        self._next_post = 0.0

    def spent(self, step: int, spent: Spent, applied: bool, tells: bool) -> None:
        self._pace(spent)
        if not tells or not self._keeps_books:
            return
        try:
            self._books = self._books or Bookkeeper(self._job.folder(), self._start.time)
            news = self._books.step(step, spent, applied)
        except HanlinError as error:
            self._books, self._keeps_books = None, False
            self.note(f"the account of lost time is off for this run ({error})"[:200])
            return
        if news:
            self.incident(*news)
        self._facts["goodput"] = self._books.account.goodput

    def note(self, text: str) -> None:
        self._facts["note"] = text

    def incident(self, kind: IncidentKind, text: str) -> None:
        self._board.tell(TOLD, kind=kind, text=text)

    def stop_wanted(self) -> bool:
        if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
            self._stop = self._stop or bool(ray.get(self._answer))
            self._answer = None
        return self._stop

    def leave_wanted(self) -> bool:
        return told_to_leave()

    def close(self, ending: str = "") -> None:
        if self._tracking is not None:
            self._tracking.close()
        if self._books is not None and ending:
            with contextlib.suppress(HanlinError):  # the account misses its last seconds
                self._books.end(ending)

    def _pace(self, spent: Spent) -> None:
        """How long this process works for a step before it meets the others."""
        self._busy += spent.get("data", 0.0) + spent.get("compute", 0.0)
        self._steps += 1
        now = time.monotonic()
        if now >= self._next_pace:
            self._board.pace(self._rank, self._busy / self._steps)
            self._busy, self._steps, self._next_pace = 0.0, 0, now + _PACE_S

    def _stand(self) -> dict[str, float]:
        return {"goodput": self._books.account.goodput} if self._books is not None else {}

    def _measure(self, record: StepRecord) -> None:
        for metric, value in (
            (metrics.TRAINING_STEPS, record.step),
            (metrics.TRAINING_TOKENS, record.tokens),
            (metrics.TRAINING_LOSS, record.loss),
            (metrics.TRAINING_BITS, record.bits_per_character or 0.0),
            (metrics.TRAINING_SPEED, record.tokens_per_second),
            (metrics.TRAINING_MFU, record.mfu),
            (metrics.TRAINING_WAIT, record.wait),
            (metrics.TRAINING_WORKERS, record.workers),
            (metrics.TRAINING_STEP_TIME, time.time()),
            *((metrics.TRAINING_GOODPUT, value) for value in self._stand().values()),
        ):
            metric.record(value, run=self._run)
        for cause, seconds in self._books.account.lost.items() if self._books is not None else ():
            metrics.TRAINING_LOST.record(seconds, run=self._run, cause=cause)

    def _post(self, record: StepRecord) -> None:
        rows = self._job.spec.plan.start(record.expected_steps)
        total = round(rows * record.tokens / max(1, record.position))
        answer = self._board.post(STAGE, record.tokens, total=total, **self._facts)
        self._answer = self._answer or answer
