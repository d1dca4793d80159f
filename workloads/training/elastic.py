"""Training on Ray Train: start the workers, again after a loss or at another size. The only file with ray.train.

What a worker does is in job.py and loop.py. Checkpoints are committed by rank 0 into the artifact store, not through Ray
Train's reports, which count only once its controller has polled them.
"""

import logging
import time
import uuid
from functools import partial
from typing import Any, Literal

import ray
import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.worker_group import ExecutionGroup

from cluster import storage
from cluster.capacity import Waiting, current_room, require_room
from cluster.demand import current_demand
from cluster.errors import HanlinError, Interrupted
from cluster.observe import metrics
from cluster.observe.board import Board, open_board
from cluster.room import Resources, Room
from cluster.stage import StageContext
from workloads.training.communicator import Alone, Communicator, TorchGroup
from workloads.training.hang import watched
from workloads.training.job import Job, run_job
from workloads.training.leave import WorkerLeft, training, watch_sigterm
from workloads.training.loop import Ending
from workloads.training.overseer import Overseer
from workloads.training.posting import Posting, Start
from workloads.training.sizing import Limits, Sizer, Stand
from workloads.training.supervise import Resize, supervise

_COLLECTIVE_TIMEOUT_S = 300  # a process that is gone breaks the exchange at once; this is for one that hangs
_THREADS_THAT_WAIT = {"OMP_WAIT_POLICY": "passive"}  # spinning threads beside other load made a step 5 times slower


def train_on_workers(job: Job, context: StageContext) -> Ending:
    """Run the job on `spec.workers` processes, or on as many as there is room for down to `spec.min_workers`, and wait.

    Where others hold what it needs, or machines have yet to come, it says so and waits. Raises Interrupted after Ctrl-C or
    SIGTERM in this process, once the workers have left a checkpoint; ResourceError for more than the cluster can ever have;
    TrainingError after more lost workers than `max_failures`.
    """
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    room = current_room()
    cpus, gpus = cpus_per_worker(job, room), job.spec.gpus_per_worker
    shape: dict[str, float] = {"CPU": cpus, **({"GPU": gpus} if gpus else {})}
    limits = Limits.of(job.spec)
    require_room(room, shape, limits.least, "training", "lower `training.workers` or what each asks for")
    sizer = Sizer(limits, lambda: _look(shape))
    start = Start(time.time())
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


def _train_as(
    workers: int, shape: dict[str, float], job: Job, context: StageContext, start: Start, sizer: Sizer
) -> Ending | Resize:
    """One group of workers, until the job ends or another size is right."""
    waiting = Waiting(context.reporter, shape, workers)
    waiting.begin(current_room())
    scratch = context.store.root / ".staging" / f"ray-train-{uuid.uuid4().hex[:8]}"
    overseer = Overseer(job.run, job.folder(), context.reporter)
    with open_board(context.reporter, overseer.hear) as board:
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
            return supervise(trainer.fit, board, waiting, lambda placed: sizer.change(workers, placed))
        finally:
            storage.delete_folder(scratch)


def _look(shape: Resources) -> Stand:
    room, demand = current_room(), current_demand()
    return Stand(room.fits_now(shape), demand.pieces(shape, room), demand.leaving)


def cpus_per_worker(job: Job, room: Room) -> int:
    """The spec's, or the largest equal share of what is free or may still come. Totals would count what others hold, and the
    workers would wait for it for ever."""
    if job.spec.cpus_per_worker is not None:
        return job.spec.cpus_per_worker
    gpus = job.spec.gpus_per_worker
    return room.largest_share(job.spec.workers, {"GPU": gpus} if gpus else None)


class _WatchSigterm(WorkerGroupCallback):
    """Called in Ray Train's controller whenever a group of workers has started; `execute` runs in their main threads."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def after_execution_group_start(self, execution_group: ExecutionGroup) -> None:
        self._board.begin()
        execution_group.execute(watch_sigterm)


def _worker(config: dict[str, Any]) -> Ending | HanlinError:
    """The function that Ray Train runs in every worker."""
    job: Job = config["job"]
    torch.set_num_threads(config["threads"])
    context = ray.train.get_context()
    group: Communicator = TorchGroup() if context.get_world_size() > 1 else Alone()
    device = get_device() if job.spec.gpus_per_worker else torch.device("cpu")
    listener = Posting(config["board"], job, group.rank, config["start"])
    hang = partial(listener.incident, "hang")
    ending: Ending | Literal[""] = ""
    try:
        with training(), watched(listener.clock, job.spec.health.hang_seconds, group.rank, job.folder(), hang):
            ending = run_job(job, group, device, listener)
    except HanlinError as error:
        if group.rank != 0:
            raise
        return error  # trying again would meet it again
    finally:
        listener.close(ending)
    if ending == "left":
        raise WorkerLeft("a worker was told to go")
    return ending
