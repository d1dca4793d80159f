"""Training on Ray Train: start the workers, restart them after a loss, bring a stop to them. The only file with ray.train.

What a worker does is job.py's and loop.py's. Checkpoints are committed by rank 0 into the artifact store, not through Ray
Train's reports, which count only once its controller has polled them.
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device

from cluster import storage
from cluster.errors import HanlinError, Interrupted, ResourceError, TrainingError
from cluster.observe.board import Board, open_board
from cluster.session import require
from cluster.stage import StageContext
from workloads.training.communicator import Alone, Communicator, TorchGroup
from workloads.training.job import Job, run_job
from workloads.training.leave import LeaveOnSigterm, WorkerLeft, leave_flag
from workloads.training.loop import Ending
from workloads.training.posting import PostingListener

_COLLECTIVE_TIMEOUT_S = 300  # a process that is gone breaks the exchange at once; this is for one that hangs
_PATIENCE_S = 120.0  # for the checkpoint of a stopped run
_POLL_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """How the workers ended; `error` is what rank 0 met, if it can be told in a line."""

    ending: Ending | None
    error: HanlinError | None = None


def train_on_workers(job: Job, context: StageContext) -> Ending:
    """Run the job on `spec.workers` processes and wait.

    Raises Interrupted after a stop (Ctrl-C or SIGTERM in this process), once the workers have left a checkpoint;
    ResourceError for more than the cluster has; TrainingError after more lost workers than `max_failures`.
    """
    cpus = cpus_per_worker(job)
    workers = job.spec.workers
    require(workers * cpus, workers * job.spec.gpus_per_worker, f"training with {workers} worker(s)")
    scratch = context.store.root / ".staging" / f"ray-train-{uuid.uuid4().hex[:8]}"
    with open_board(context.reporter) as board:
        trainer = TorchTrainer(
            _worker,
            train_loop_config={"job": job, "board": board, "threads": cpus},
            torch_config=TorchConfig(timeout_s=_COLLECTIVE_TIMEOUT_S),
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=job.spec.gpus_per_worker > 0,
                resources_per_worker={"CPU": cpus} | ({"GPU": 1} if job.spec.gpus_per_worker else {}),
            ),
            run_config=RunConfig(
                name="run",
                storage_path=scratch.path,
                storage_filesystem=scratch.filesystem,
                failure_config=FailureConfig(max_failures=job.spec.max_failures),
                callbacks=[LeaveOnSigterm()],
            ),
        )
        try:
            return _wait(_InBackground(trainer.fit), board)
        finally:
            storage.delete_folder(scratch)


def cpus_per_worker(job: Job) -> int:
    """The spec's, or an equal share of the cluster's CPUs."""
    if job.spec.cpus_per_worker is not None:
        return job.spec.cpus_per_worker
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // job.spec.workers)


class _InBackground:
    """Ray Train's blocking call in a thread, so that signals reach this process's main thread and not Ray's handler."""

    def __init__(self, call: Callable[[], ray.train.Result]) -> None:
        self.result: ray.train.Result | None = None
        self.error: Exception | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, name="hanlin-training", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:  # noqa: BLE001  # handed to the waiting thread, which raises it
            self.error = error

    def done(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


def _wait(running: _InBackground, board: Board) -> Ending:
    try:
        while not running.done(_POLL_S):
            pass
    except (KeyboardInterrupt, Interrupted) as stop:
        board.ask_to_stop()
        if not running.done(_PATIENCE_S):
            raise TrainingError(
                "the workers did not stop in time", "the last checkpoint stands", "run the same command again"
            ) from stop
        raise
    if running.error is not None:
        raise _plain(running.error) from running.error
    outcome: Any = running.result.return_value if running.result else None
    if not isinstance(outcome, Outcome) or outcome.ending is None:
        raise outcome.error if isinstance(outcome, Outcome) and outcome.error else TrainingError("the workers ended early")
    return outcome.ending


def _plain(error: Exception) -> HanlinError:
    """What Ray Train raises, as one line."""
    failures = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause = getattr(failure, "_base_exc", failure)
        if isinstance(cause, HanlinError):
            return cause
    reason = str(next(iter(failures.values()), error)).strip().splitlines()[-1:]
    return TrainingError(
        f"training lost its workers more often than allowed ({''.join(reason)})",
        "its last checkpoint stands",
        "see the workers' logs, raise `training.max_failures`, and run the same command again to go on",
    )


def _worker(config: dict[str, Any]) -> Outcome:
    """The function that Ray Train runs in every worker."""
    job: Job = config["job"]
    torch.set_num_threads(config["threads"])
    device = get_device() if job.spec.gpus_per_worker else torch.device("cpu")
    context = ray.train.get_context()
    group: Communicator = TorchGroup() if context.get_world_size() > 1 else Alone()
    listener = PostingListener(config["board"], job, leave_flag())
    try:
        ending = run_job(job, group, device, listener)
    except HanlinError as error:
        if context.get_world_rank() != 0:
            raise
        return Outcome(None, error)
    finally:
        listener.close()
    if ending == "left":
        raise WorkerLeft("a worker was told to go; the others start again without it")
    return Outcome(ending)
