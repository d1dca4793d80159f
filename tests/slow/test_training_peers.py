"""Twenty losses and resizes of a run, at random: it goes on each time without a checkpoint, and its ledger has no fault.

What each cost is shown at the end: from the signal to the next step (as the driver sees it, at most half a second late).
"""

import itertools
import json
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ray

from cluster.artifacts import ArtifactStore
from cluster.errors import Interrupted
from cluster.observe.progress import SilentReporter, Value
from cluster.session import Session
from cluster.stage import StageContext
from tests.slow.conftest import Seen
from tests.slow.test_training_resize import Guest
from tests.workloads.training.conftest import QUICK, make_job, make_tokenizer, make_tokens, run_in_threads
from tests.workloads.training.peers_in_threads import LocalRoll, Workers
from tests.workloads.training.test_training_stage import DEEP, TWO, _train
from workloads.training.checkpoint import LEDGER, METRICS
from workloads.training.job import Job
from workloads.training.listener import Unheard
from workloads.training.metrics import StepRecord
from workloads.training.order import LedgerLine, RowOrder, first_fault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

EVENTS = 20
SPEC = TWO.model_copy(
    update={
        "steps": 10_000_000,
        "workers": 3,
        "min_workers": 2,
        "max_failures": -1,
        "checkpoint_every": 100_000_000,
        "evaluate_every": 50,
        "log_every": 1000,
        "global_batch": 10,  # five micro-batches for two or three workers: they never share them evenly
    }
)


class Watched(SilentReporter):
    """Keeps when each number of tokens was first told, and with how many workers."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, int]] = []
        self.pauses: list[Value] = []
        self.workers: Value = 3

    def advance(self, stage: str, done: int, total: int | None = None, **facts: Value) -> None:
        if not self.steps or done > self.steps[-1][1]:
            self.steps.append((time.monotonic(), done))
        if (pause := facts.get("pause_s")) is not None and pause not in self.pauses[-1:]:
            self.pauses.append(pause)
        self.workers = facts.get("workers", self.workers)


def until(condition: Callable[[], Any], seconds: float = 300) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "what the test waits for did not come"
        time.sleep(0.02)
    return time.monotonic() - begun


def workers_of(root: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in root.children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


class Trouble:
    """Twenty times a random event, mostly once the run is whole again, else in the midst of it; then Ctrl-C. One member of the run
    is always left: that all die at once is another test's."""

    def __init__(self, watched: Watched) -> None:
        self.watched, self.random = watched, random.Random(20)
        self.seen: dict[str, list[float]] = {}
        self.error: BaseException | None = None
        self.guest: Any = None
        self.members: set[psutil.Process] = set()

    def run(self) -> None:
        try:
            until(lambda: len(self.watched.steps) > 3)
            self.members = set(workers_of(psutil.Process()))
            for _ in range(EVENTS):
                self._event()
        except BaseException as error:  # noqa: BLE001  # told by the test
            self.error = error
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def _event(self) -> None:
        left = sorted(self.members & set(workers_of(psutil.Process())), key=lambda member: member.pid)
        if len(left) < 2 or self.random.random() < 0.7:
            until(self._whole, 600)
            left = sorted(self.members, key=lambda member: member.pid)
        kind = self.random.choice(["kill", "kill", "kill", "told to go", "guest", *(["kill two"] if len(left) > 2 else [])])
        victims = self.random.sample(left, {"kill two": 2, "guest": 0}.get(kind, 1))
        self.members -= set(victims)
        before = self.watched.steps[-1][1]
        begun = time.monotonic()
        if kind == "guest":
            self._guest()
        for victim in victims:
            victim.send_signal(signal.SIGTERM if kind == "told to go" else signal.SIGKILL)
        until(lambda: self.watched.steps[-1][1] > before + 2 * SPEC.global_batch * 15)
        self.seen.setdefault(kind, []).append(next(at for at, done in self.watched.steps if done > before) - begun)

    def _whole(self) -> bool:
        alive = workers_of(psutil.Process())
        if 2 <= len(alive) == self.watched.workers:
            self.members = set(alive)
            return True
        return False

    def _guest(self) -> None:
        if self.guest is None:
            self.guest = Guest.options(num_cpus=2).remote()
        else:
            ray.kill(self.guest)
            self.guest = None


def test_twenty_losses_and_resizes_lose_no_row(ray_session: Session, context: StageContext, seen: Seen) -> None:
    watched = Watched()
    trouble = Trouble(watched)
    threading.Thread(target=trouble.run, daemon=True).start()
    with pytest.raises(Interrupted, match="its newest checkpoint stands"):
        _train(replace(context, reporter=watched), SPEC, DEEP)
    assert trouble.error is None
    checkpoint = list(context.store.artifacts("checkpoint"))[-1]  # who is told to go leaves one, too
    lines = [LedgerLine.from_line(line) for line in checkpoint.read(LEDGER).decode().splitlines()]
    steps = checkpoint.manifest.counts["step"]
    assert first_fault(lines, stop=steps * SPEC.global_batch, order=RowOrder(40, context.seed)) == ""
    assert [line.step for line in lines] == list(range(steps))
    sizes = [line.participants for line in lines]
    changes = sum(one != other for one, other in itertools.pairwise(sizes))
    seen("steps, and changes of the number of workers between them", f"{steps}, {changes}")
    assert len(set(sizes)) > 1
    for kind, pauses in trouble.seen.items():
        told = f"{statistics.median(pauses):.2f} ({min(pauses):.2f}-{max(pauses):.2f})"
        seen(f"{kind}, {len(pauses)} times: from the signal to the next step told, s", told)
    pauses = [float(pause) for pause in watched.pauses]
    seen("between two steps with a change of workers, s: median, worst", f"{statistics.median(pauses):.2f}, {max(pauses):.2f}")


def test_the_loss_curve_is_the_same_for_any_number_of_workers(tmp_path: Path, seen: Seen) -> None:
    spec = QUICK.model_copy(
        update={"steps": 300, "global_batch": 10, "log_every": 1, "checkpoint_every": 1000, "precision": "f32"}
    )

    def curve(name: str, run: Callable[[Job], object]) -> np.ndarray[Any, np.dtype[np.float64]]:
        store = ArtifactStore(str(tmp_path / name))
        job = make_job(store, make_tokens(store), make_tokenizer(store), spec)
        run(job)
        newest = job.checkpoints().newest(pytest.fail)
        assert newest is not None
        return np.array([json.loads(line)["loss"] for line in newest.lines(METRICS)])

    def in_threads(size: int) -> Callable[[Job], object]:
        return lambda job: run_in_threads(job, size)

    def with_losses(job: Job) -> None:
        """Three workers, of which one goes every thirty steps; who waits comes back."""
        roll = LocalRoll(expected=3)
        workers = Workers(job, roll)

        class Churning(Unheard):
            def step(self, record: StepRecord) -> None:
                place = record.step // 30
                if record.step % 30 == 0:
                    roll.send_away(place, "dismissed")
                if record.step % 30 == 15:
                    workers.start(place + 3, f"w{place + 3}", Churning())

            line = step

        for place in range(3):
            workers.start(place, f"w{place}", Churning())
        workers.join()

    alone = curve("alone", in_threads(1))
    assert len(alone) == 300
    for name, run in {"2": in_threads(2), "3": in_threads(3), "5": in_threads(5), "2-3, churning": with_losses}.items():
        other = curve(name, run)
        difference = np.abs(other - alone) / alone
        told = f"{difference[:100].max():.1e}, {difference.max():.1e}"
        seen(f"loss of {name} workers against one, relative: worst of 100 and of 300 steps", told)
        assert difference.max() < 0.02
