"""Training on Ray Train: start the workers, again after a loss or at another size. The only file with ray.train.

What a worker does is in job.py and loop.py. Checkpoints are committed by rank 0 into the artifact store, not through Ray
Train's reports, which count only once its controller has polled them. Several workers on processors outlive each other
(peers.py); a single one, and those with GPUs, start again together from the newest checkpoint.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import ray
import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.backend import Backend
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.train.v2._internal.execution.callback import ReplicaGroupCallback, WorkerGroupCallback
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
from workloads.training.crew import Crew
from workloads.training.hang import watched
from workloads.training.job import Job, run_job
from workloads.training.leave import WorkerLeft, training, watch_sigterm
from workloads.training.overseer import Overseer
from workloads.training.peers import Peers
from workloads.training.posting import Posting, Start
from workloads.training.roll import Roll, open_roll
from workloads.training.rollcall import Ending
from workloads.training.sizing import Limits, Sizer, Stand
from workloads.training.supervise import FixedGroup, Resize, supervise

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
    task = _Task(job, context, shape, Start(time.time()))
    metrics.TRAINING_RUNS.record(1, run=job.run)
    try:
        return _train_peers(task, limits, sizer) if outlive_each_other(job) else _train_again_and_again(task, sizer)
    except Interrupted:
        raise
    except HanlinError as error:
        metrics.TRAINING_FAILURES.record(run=job.run, reason=error.code)
        raise
    finally:
        metrics.TRAINING_RUNS.record(0, run=job.run)


def outlive_each_other(job: Job) -> bool:
    """Whether a worker's loss stops the others: not where each holds the whole model and they exchange over gloo. Over NCCL it
    does: its broken exchange ends the process."""
    return job.spec.workers > 1 and not job.spec.gpus_per_worker and job.spec.parallel.plain


@dataclass(frozen=True)
class _Task:
    job: Job
    context: StageContext
    shape: Resources
    start: Start

    def overseer(self) -> Overseer:
        return Overseer(self.job.run, self.job.folder(), self.context.reporter)


def _train_peers(task: _Task, limits: Limits, sizer: Sizer) -> Ending:
    """Workers that come and go one by one."""
    workers = sizer.first()
    with (
        open_board(task.context.reporter, task.overseer().hear) as board,
        open_roll(workers) as roll,
        _scratch(task.context) as folder,
    ):

        def hire(place: int, count: int) -> Callable[[], Any]:
            config = TorchPeers()
            return _trainer(task, board, config, folder(), count, {"roll": roll, "place": place}).fit

        crew = Crew(hire, dict(task.shape), roll, board, limits, sizer, task.context.reporter)
        crew.begin(workers)
        ending = supervise(crew, board)
    assert not isinstance(ending, Resize)
    return ending


def _train_again_and_again(task: _Task, sizer: Sizer) -> Ending:
    """One group after the other, until the job ends."""
    workers = sizer.first()
    while True:
        ended = _train_together(workers, task, sizer)
        if not isinstance(ended, Resize):
            return ended
        task.context.reporter.note("training_resized", workers=ended.workers, before=workers)
        workers = ended.workers


def _train_together(workers: int, task: _Task, sizer: Sizer) -> Ending | Resize:
    """One group of workers, until the job ends or another size is right."""
    waiting = Waiting(task.context.reporter, task.shape, workers)
    waiting.begin(current_room())

    def change(placed: bool) -> int | None:
        found = sizer.change(workers, placed)
        return found.workers if found is not None else None

    with open_board(task.context.reporter, task.overseer().hear) as board, _scratch(task.context) as folder:
        trainer = _trainer(task, board, TorchConfig(timeout_s=_COLLECTIVE_TIMEOUT_S), folder(), workers, {})
        return supervise(FixedGroup(trainer.fit, board, waiting, change), board)


@contextmanager
def _scratch(context: StageContext) -> Iterator[Callable[[], storage.Location]]:
    """Gives folders for what Ray Train writes, and takes them away."""
    given: list[storage.Location] = []

    def folder() -> storage.Location:
        given.append(context.store.root / ".staging" / f"ray-train-{uuid.uuid4().hex[:8]}")
        return given[-1]

    try:
        yield folder
    finally:
        for each in given:
            storage.delete_folder(each)


def _trainer(
    task: _Task, board: Board, torch_config: TorchConfig, folder: storage.Location, workers: int, more: Mapping[str, Any]
) -> TorchTrainer:
    config = {"job": task.job, "board": board, "threads": int(task.shape["CPU"]), "start": task.start, **more}
    return TorchTrainer(
        _worker,  # type: ignore[arg-type]  # Ray's stub forgets the return value that Result.return_value hands on
        train_loop_config=config,
        torch_config=torch_config,
        scaling_config=ScalingConfig(num_workers=workers, use_gpu="GPU" in task.shape, resources_per_worker=dict(task.shape)),
        run_config=RunConfig(  # type: ignore[call-arg]  # mypy sees the RunConfig of Ray Train V1
            name="run",
            storage_path=folder.path,
            storage_filesystem=folder.filesystem,
            worker_runtime_env={"env_vars": _THREADS_THAT_WAIT},
            failure_config=FailureConfig(max_failures=task.job.spec.max_failures),
            callbacks=[_WatchSigterm(board)],  # type: ignore[list-item]
        ),
    )


class _PeerBackend(Backend):
    """Sets nothing up: the workers meet at the roll. Each is a replica group, so that Ray Train replaces the one that was lost
    and leaves the others alone."""

    has_replica_groups = True


class TorchPeers(TorchConfig):
    @property
    def backend_cls(self) -> type[Backend]:
        return _PeerBackend


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


class _WatchSigterm(WorkerGroupCallback, ReplicaGroupCallback):
    """Called in Ray Train's controller whenever workers have started; `execute` runs in their main threads."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def after_execution_group_start(self, execution_group: ExecutionGroup) -> None:
        self._board.begin()
        execution_group.execute(watch_sigterm)


def _worker(config: dict[str, Any]) -> Ending | HanlinError:
    """The function that Ray Train runs in every worker."""
    job: Job = config["job"]
    torch.set_num_threads(config["threads"])
    roll: Roll | None = config.get("roll")
    place = config.get("place", 0) + ray.train.get_context().get_world_rank()
    group = _peers(roll, place) if roll is not None else _together()
    device = get_device() if job.spec.gpus_per_worker else torch.device("cpu")
    listener = Posting(config["board"], job, place == 0, config["start"])
    hang = partial(listener.incident, "hang")
    ending: Ending | Literal[""] = ""
    try:
        with training(), watched(listener.clock, job.spec.health.hang_seconds, place, job.folder(), hang):
            ending = run_job(job, group, device, listener)
    except HanlinError as error:
        if roll is not None:
            roll.end(error)
        elif place != 0:
            raise
        return error  # trying again would meet it again
    finally:
        group.leave()
        listener.close(ending)
    assert ending
    if ending == "left" and group.news().leave != "dismissed":
        raise WorkerLeft("a worker was told to go")
    return ending


def _together() -> Communicator:
    return TorchGroup() if ray.train.get_context().get_world_size() > 1 else Alone()


def _peers(roll: Roll, place: int) -> Communicator:
    here = ray.get_runtime_context()
    host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return Peers(roll, place, str(here.get_actor_id()), host, here.get_node_id())
