"""What a running step tells the outside: the driver's board, Prometheus (through Ray) and, where a URI is given, MLflow.

Not for what is kept with the checkpoints: metrics.py and loop.py.
"""

import time
from dataclasses import dataclass
from typing import Any

import ray

from cluster.observe import metrics
from cluster.observe.board import Board
from cluster.observe.progress import Value
from workloads.training.job import Job
from workloads.training.leave import told_to_leave
from workloads.training.metrics import StepRecord, goodput
from workloads.training.tracking import Tracking

STAGE = "training"
_POST_S = 0.5  # between two events to the progress display


@dataclass(frozen=True)
class Start:
    """When the driver began (Unix time), and the seconds of training that were done before."""

    time: float
    seconds_before: float


class Posting:
    """A listener that posts to the driver's board, to Prometheus (through Ray) and, where a URI is given, to MLflow."""

    def __init__(self, board: Board, job: Job, first: bool, start: Start) -> None:
        self._board, self._run, self._start = board, job.run, start
        self._facts: dict[str, Value] = {}
        self._next_post = 0.0
        self._answer: Any = None
        self._stop = False
        self._job = job
        self._tracking: Tracking | None = None  # of the process that tells, in whose place another may come
        if first:
            metrics.TRAINING_CHECKPOINT_TIME.record(time.time(), run=job.run)

    def step(self, record: StepRecord) -> None:
        self._facts["loss"], self._facts["lr"] = record.loss, record.learning_rate
        metrics.TRAINING_STEP_TIME.record(time.time(), run=self._run)
        now = time.monotonic()
        if now >= self._next_post:
            self._next_post = now + _POST_S
            self._post(record)

    def line(self, record: StepRecord) -> None:
        self._facts |= {"loss": record.loss, "lr": record.learning_rate, "mfu": record.mfu}
        if record.heldout_bits_per_character is not None:
            self._facts["heldout_bits_per_character"] = record.heldout_bits_per_character
        self._measure(record)
        if self._tracking is None:
            self._tracking = Tracking(self._job.spec.tracking_uri, self._run, self._job.work.fingerprint, self.note)
        self._tracking.log(record)
        self._post(record)

    def saved(self, step: int) -> None:
        metrics.TRAINING_CHECKPOINT_TIME.record(time.time(), run=self._run)

    def went_on(self, workers: int, seconds: float) -> None:
        self._facts["workers"] = workers
        self._facts["pause_s"] = seconds
        self._next_post = 0.0

    def note(self, text: str) -> None:
        self._facts["note"] = text

    def stop_wanted(self) -> bool:
        if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
            self._stop = self._stop or bool(ray.get(self._answer))
            self._answer = None
        return self._stop

    def leave_wanted(self) -> bool:
        return told_to_leave()

    def close(self) -> None:
        if self._tracking is not None:
            self._tracking.close()

    def _measure(self, record: StepRecord) -> None:
        now = time.time()
        stand = goodput(record.seconds, self._start.seconds_before, now - self._start.time)
        for metric, value in (
            (metrics.TRAINING_STEPS, record.step),
            (metrics.TRAINING_TOKENS, record.tokens),
            (metrics.TRAINING_LOSS, record.loss),
            (metrics.TRAINING_SPEED, record.tokens_per_second),
            (metrics.TRAINING_STEP_TIME, now),
            (metrics.TRAINING_GOODPUT, stand),
        ):
            metric.record(value, run=self._run)

    def _post(self, record: StepRecord) -> None:
        total = round(record.expected_steps * record.tokens / record.step)
        answer = self._board.post(STAGE, record.tokens, total=total, **self._facts)
        self._answer = self._answer or answer
