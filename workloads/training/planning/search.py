"""Trials on Ray Tune: side by side, the worse ended early, gone on with after a stop. The only file with ray.tune.

A trial is the training loop in one process. It leaves checkpoints in the artifact store, so that going on loses no more than its
last stretch; which trials there are is drawn in trials.py, and what Ray Tune keeps is only how far each has come.
"""

import json
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from ray import tune
from ray.tune import Callback, ResultGrid, RunConfig, TuneConfig, Tuner
from ray.tune.schedulers import ASHAScheduler

from cluster.capacity import current_room, require_room
from cluster.errors import Interrupted, LossError, TrainingError
from cluster.observe.progress import Reporter
from cluster.storage import Location
from workloads.training.checkpoint import METRICS
from workloads.training.communicator import Alone
from workloads.training.job import Job, run_job
from workloads.training.listener import Unheard
from workloads.training.metrics import StepRecord
from workloads.training.planning.tune_spec import TuneSpec

STAGE = "tune"
_QUIET = 0

# Whom to tell, by the search's name: Ray Tune pickles its callbacks, and a display cannot go along.
_reporters: dict[str, Reporter] = {}


@dataclass(frozen=True)
class Outcome:
    """How far a trial came: rows trained on and held-out loss at each look. Without a look it diverged before the first."""

    looks: tuple[tuple[int, float], ...]

    @property
    def loss(self) -> float:
        return self.looks[-1][1] if self.looks else math.inf

    @property
    def finite(self) -> bool:
        return math.isfinite(self.loss)

    @property
    def rows(self) -> int:
        return self.looks[-1][0] if self.looks else 0


def search(jobs: Sequence[Job], rows: int, spec: TuneSpec, folder: Location, name: str, reporter: Reporter) -> list[Outcome]:
    """Run every job as a trial of `rows` rows; the outcomes in their order. Needs a Ray session; `folder` keeps Ray Tune's state.

    Raises Interrupted after Ctrl-C, ResourceError for trials that no machine can hold, TrainingError where trials failed.
    """
    shape = {"CPU": float(jobs[0].spec.cpus_per_worker or 1), "GPU": float(jobs[0].spec.gpus_per_worker)}
    require_room(current_room(), shape, 1, "a trial", "lower `training.cpus_per_worker`")
    trainable = tune.with_resources(
        tune.with_parameters(_trial, jobs=list(jobs), threads=int(shape["CPU"])), {"cpu": shape["CPU"], "gpu": shape["GPU"]}
    )
    _reporters[name] = reporter
    try:
        with _signals_given_back():
            grid = _tuner(trainable, jobs, rows, spec, folder, name).fit()
    finally:
        del _reporters[name]
    return _outcomes(grid, len(jobs))


@contextmanager
def _signals_given_back() -> Iterator[None]:
    """Ray Tune takes Ctrl-C and SIGUSR1 for itself and keeps them: what runs next would never hear of them."""
    taken = (signal.SIGINT, signal.SIGUSR1) if threading.current_thread() is threading.main_thread() else ()
    before = {each: signal.getsignal(each) for each in taken}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _tuner(trainable: Any, jobs: Sequence[Job], rows: int, spec: TuneSpec, folder: Location, name: str) -> Tuner:
    space = {"number": tune.grid_search(list(range(len(jobs))))}
    state = folder / name
    if Tuner.can_restore(state.path, storage_filesystem=state.filesystem):
        return Tuner.restore(
            state.path,
            trainable,
            resume_unfinished=True,
            resume_errored=True,
            param_space=space,
            storage_filesystem=state.filesystem,
        )
    scheduler = ASHAScheduler(
        time_attr="rows", max_t=rows, grace_period=max(1, rows // spec.reduction**2), reduction_factor=spec.reduction
    )
    return Tuner(
        trainable,
        param_space=space,
        tune_config=TuneConfig(metric="loss", mode="min", scheduler=scheduler, max_concurrent_trials=spec.together),
        run_config=RunConfig(
            name=name,
            storage_path=folder.path,
            storage_filesystem=folder.filesystem,
            verbose=_QUIET,
            callbacks=[_Progress(name, len(jobs))],
        ),
    )


def _trial(config: Mapping[str, Any], jobs: Sequence[Job], threads: int) -> None:
    """The function that Ray Tune runs in a process of its own."""
    job = jobs[config["number"]]
    torch.set_num_threads(threads)
    device = torch.device("cuda" if job.spec.gpus_per_worker else "cpu")
    listener = _Looks()
    try:
        run_job(job, Alone(), device, listener)
    except LossError:
        tune.report({"rows": listener.rows + 1, "loss": math.inf})
    else:
        if not listener.rows:
            _tell_again(job)


def _tell_again(job: Job) -> None:
    """The looks of a trial that was at its end already when its process was lost."""
    last = job.checkpoints().newest(lambda _: None)
    records = [json.loads(line) for line in last.lines(METRICS)] if last else []
    for record in records:
        if "heldout_loss" in record:
            tune.report({"rows": record["position"], "loss": record["heldout_loss"]})


class _Looks(Unheard):
    """Hands every look at the held-out loss on to Ray Tune, which may end the process in answer."""

    rows = 0

    def line(self, record: StepRecord) -> None:
        if record.heldout_loss is not None:
            self.rows = record.position
            tune.report({"rows": record.position, "loss": record.heldout_loss})


class _Progress(Callback):
    """Counts the trials that have ended."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._ended: set[str] = set()
        self._best = math.inf

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any) -> None:
        self._best = min(self._best, float(result.get("loss", math.inf)))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._ended.add(str(trial.trial_id))
        if reporter := _reporters.get(self._name):
            reporter.advance(STAGE, len(self._ended), self._total, best=self._best)


def _outcomes(grid: ResultGrid, count: int) -> list[Outcome]:
    found: dict[int, Outcome] = {}
    for result in (grid[index] for index in range(len(grid))):
        if result.error is not None:
            raise TrainingError(f"a trial failed ({str(result.error).strip().splitlines()[-1]})", "", "run again to go on")
        if result.metrics_dataframe is None or "rows" not in result.metrics_dataframe or result.config is None:
            continue
        frame = result.metrics_dataframe
        looks = sorted(dict(zip(map(int, frame["rows"]), map(float, frame["loss"]), strict=True)).items())
        found[int(result.config["number"])] = Outcome(tuple(looks))
    if len(found) < count:
        raise Interrupted(f"{count - len(found)} of {count} trials have not ended", "", "run again to go on")
    return [found[number] for number in range(count)]
