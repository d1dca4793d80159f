"""Training on Ray Train: start the workers, restart them after a loss, bring a stop to them. The only file with ray.train.

What a worker does is in job.py and loop.py. Checkpoints are committed by rank 0 into the artifact store, not through Ray
Train's reports, which count only once its controller has polled them.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
import torch
from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.worker_group import ExecutionGroup

from cluster import storage
from cluster.capacity import Waiting, current_room, require_room
from cluster.errors import HanlinError, Interrupted, TrainingError
from cluster.observe import metrics
from cluster.observe.board import Board, open_board
from cluster.observe.progress import Value
from cluster.room import Room
from cluster.session import require
from cluster.stage import StageContext
from workloads.training.communicator import Alone, Communicator, TorchGroup
from workloads.training.job import Job, run_job
from workloads.training.leave import WorkerLeft, told_to_leave, training, watch_sigterm
from workloads.training.loop import Ending
from workloads.training.metrics import StepRecord, goodput
from workloads.training.room import look
from workloads.training.sizing import Limits, Sizer
from workloads.training.tracking import Tracking

STAGE = "training"
_COLLECTIVE_TIMEOUT_S = 300  # a process that is gone breaks the exchange at once; this is for one that hangs
_PATIENCE_S = 120.0  # for the checkpoint of a stopped run
_ABANDON_S = 30.0  # for Ray to notice that the controller is gone
_WAIT_S = 0.2
_THREADS_THAT_WAIT = {"OMP_WAIT_POLICY": "passive"}  # spinning threads beside other load made a step 5 times slower
_POST_S = 0.5  # between two events to the progress display


@dataclass(frozen=True)
class Outcome:
    """How rank 0 ended; `error` is what it met, if it can be told in a line."""

    ending: Ending | None
    error: HanlinError | None = None


@dataclass(frozen=True)
class Start:
    """When the driver began (Unix time), and the seconds of training that were done before."""

    time: float
    seconds_before: float


def train_on_workers(job: Job, context: StageContext, seconds_before: float = 0.0) -> Ending:
    """Run the job on `spec.workers` processes, or on as many as there is room for down to `spec.min_workers`, and wait.
    `seconds_before`: those of the checkpoint it goes on from.

    Where others hold what it needs, or machines have yet to come, it says so and waits. Raises Interrupted after Ctrl-C or
    SIGTERM in this process, once the workers have left a checkpoint; ResourceError for more than the cluster can ever have;
    TrainingError after more lost workers than `max_failures`.
    """
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    room = current_room()
    cpus, gpus = cpus_per_worker(job, room), job.spec.gpus_per_worker
    shape: dict[str, float] = {"CPU": cpus, **({"GPU": gpus} if gpus else {})}
    limits = Limits.of(job.spec, gpus or cpus)
    least = limits.least
    name = f"training with {least} worker{'s' if least > 1 else ''}"
    require(least * cpus, least * gpus, name)
    require_room(room, shape, least, name)
    sizer = Sizer(limits, lambda: look("GPU" if gpus else "CPU"))
    start = Start(time.time(), seconds_before)
    workers = sizer.first()
    metrics.TRAINING_RUNS.record(1, run=job.run)
    try:
        while True:
            ended = _train_as(workers, shape, job, context, start, sizer)
            if not isinstance(ended, Resize):
                return ended
            context.reporter.note("training_resized", workers=ended.workers, before=workers)
            workers = ended.workers
    except Interrupted:
        raise
    except HanlinError as error:
        metrics.TRAINING_FAILURES.record(run=job.run, reason=error.code)
        raise
    finally:
        metrics.TRAINING_RUNS.record(0, run=job.run)


@dataclass(frozen=True)
class Resize:
    """The workers have left a checkpoint, to go on as this many."""

    workers: int


def _train_as(
    workers: int, shape: dict[str, float], job: Job, context: StageContext, start: Start, sizer: Sizer
) -> Ending | Resize:
    """One group of workers, until the job ends or another size is right."""
    waiting = Waiting(context.reporter, shape, workers)
    waiting.begin(current_room())
    scratch = context.store.root / ".staging" / f"ray-train-{uuid.uuid4().hex[:8]}"
    with open_board(context.reporter) as board:
        trainer = TorchTrainer(
            _worker,  # type: ignore[arg-type]  # Ray's stub forgets the return value that Result.return_value hands on
            train_loop_config={"job": job, "board": board, "threads": int(shape["CPU"]), "start": start},
            torch_config=TorchConfig(timeout_s=_COLLECTIVE_TIMEOUT_S),
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu="GPU" in shape,
                resources_per_worker=shape,
            ),
            run_config=RunConfig(  # type: ignore[call-arg]  # mypy sees the RunConfig of Ray Train V1
                name="run",
                storage_path=scratch.path,
                storage_filesystem=scratch.filesystem,
                worker_runtime_env={"env_vars": _THREADS_THAT_WAIT},
                failure_config=FailureConfig(max_failures=job.spec.max_failures),
                callbacks=[_WatchSigterm(board)],  # type: ignore[list-item]
            ),
        )
        try:
            return _wait(_InBackground(trainer.fit), board, waiting, lambda: sizer.change(workers))
        finally:
            storage.delete_folder(scratch)


def cpus_per_worker(job: Job, room: Room) -> int:
    """The spec's, or the largest equal share of what is free or may still come. Totals would count what others hold, and the
    workers would wait for it for ever."""
    if job.spec.cpus_per_worker is not None:
        return job.spec.cpus_per_worker
    gpus = job.spec.gpus_per_worker
    return room.largest_share(job.spec.workers, {"GPU": gpus} if gpus else None)


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

    def __init__(self, board: Board, waiting: Waiting, change: Callable[[], int | None]) -> None:
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
                if begun and not self._waiting.pending():
                    self.workers = self._change()
            except RayError:  # the head is away: look again
                continue

    def end(self) -> None:
        self._ended.set()
        self._thread.join(_ABANDON_S)


def _wait(running: _InBackground, board: Board, waiting: Waiting, change: Callable[[], int | None]) -> Ending | Resize:
    watch = _Watch(board, waiting, change)
    try:
        while not running.done(_WAIT_S):
            if watch.workers is not None:
                return _resize(running, board, watch.workers)
    except (KeyboardInterrupt, Interrupted) as stop:
        if waiting.pending() or not board.begun():
            _abandon(running)
            raise Interrupted("training was stopped while it waited for machines", "", "run the same command again") from stop
        _stop(running, board, stop)
        raise Interrupted(
            "training was stopped", "its newest checkpoint stands", "run the same command again to go on"
        ) from stop
    finally:
        watch.end()
    if running.error is not None:
        raise _plain(running.error) from running.error
    outcome = running.result.return_value
    if outcome.error is not None:
        raise outcome.error
    return outcome.ending  # type: ignore[no-any-return]


def _resize(running: _InBackground, board: Board, workers: int) -> Ending | Resize:
    """Stop at the next step boundary, to go on as that many; the job may have ended meanwhile."""
    _stop(running, board, None)
    if running.error is not None:
        raise _plain(running.error) from running.error
    ending: Ending = running.result.return_value.ending
    return Resize(workers) if ending == "stopped" else ending


def _stop(running: _InBackground, board: Board, cause: BaseException | None) -> None:
    """Have the workers leave a checkpoint and end."""
    board.ask_to_stop()
    if not running.done(_PATIENCE_S):
        raise TrainingError("the workers did not stop in time", "the last checkpoint stands", "run again to go on") from cause
    if running.result is not None and running.result.return_value.error is not None:
        raise running.result.return_value.error from cause


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


class _WatchSigterm(WorkerGroupCallback):
    """Called in Ray Train's controller whenever a group of workers has started; `execute` runs in their main threads."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def after_execution_group_start(self, execution_group: ExecutionGroup) -> None:
        self._board.begin()
        execution_group.execute(watch_sigterm)


def _worker(config: dict[str, Any]) -> Outcome:
    """The function that Ray Train runs in every worker."""
    job: Job = config["job"]
    torch.set_num_threads(config["threads"])
    context = ray.train.get_context()
    first = context.get_world_rank() == 0
    group: Communicator = TorchGroup() if context.get_world_size() > 1 else Alone()
    device = get_device() if job.spec.gpus_per_worker else torch.device("cpu")
    listener = _Posting(config["board"], job, first, config["start"])
    try:
        with training():
            ending = run_job(job, group, device, listener)
    except HanlinError as error:
        if not first:
            raise
        return Outcome(None, error)  # trying again would meet it again
    finally:
        listener.close()
    if ending == "left":
        raise WorkerLeft("a worker was told to go")
    return Outcome(ending)


class _Posting:
    """A listener that posts to the driver's board, to Prometheus (through Ray) and, where a URI is given, to MLflow."""

    def __init__(self, board: Board, job: Job, first: bool, start: Start) -> None:
        self._board, self._run, self._start = board, job.run, start
        self._facts: dict[str, Value] = {}
        self._next_post = 0.0
        self._answer: Any = None
        self._stop = False
        self._tracking = Tracking(job.spec.tracking_uri if first else "", job.run, job.work.fingerprint, self.note)
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
        self._tracking.log(record)
        self._post(record)

    def saved(self, step: int) -> None:
        metrics.TRAINING_CHECKPOINT_TIME.record(time.time(), run=self._run)

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
