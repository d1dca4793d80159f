"""Training beside others: it starts with what they leave, or says at once what holds what it needs, and then still starts."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import ray
from ray.util.placement_group import placement_group_table

from cluster.capacity import WAITING, current_room
from cluster.errors import Interrupted, ResourceError
from cluster.observe.progress import SilentReporter, Value
from cluster.session import Session, stop_on_sigterm
from cluster.stage import StageContext
from tests.workloads.training.conftest import QUICK, TINY, make_job, make_tokenizer, make_tokens
from workloads.training.elastic import cpus_per_worker
from workloads.training.job import Job
from workloads.training.spec import TrainingSpec
from workloads.training.stage import train_model


class Told(SilentReporter):
    """Keeps the notes; calls `then` at the first that says it waits."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.waited: list[dict[str, Value]] = []
        self._then = then

    def note(self, event: str, **facts: Value) -> None:
        if event == WAITING:
            self.waited.append(facts)
            if len(self.waited) == 1:
                self._then()


def free() -> float:
    return sum(each.get("CPU", 0) for each in current_room().free)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextlib.contextmanager
def replica(cpus: int) -> Iterator[Callable[[], None]]:
    """Something that serves and holds processors; what it gives ends it."""

    class Replica:
        def there(self) -> bool:
            return True

    until(lambda: free() == 4)
    actor = ray.remote(Replica).options(name=f"replica-{cpus}", num_cpus=cpus).remote()
    ray.get(actor.there.remote())
    until(lambda: free() == 4 - cpus)
    try:
        yield lambda: ray.kill(actor)
    finally:
        ray.kill(actor)


def train(context: StageContext, spec: TrainingSpec) -> None:
    train_model(spec, TINY, make_tokens(context.store), make_tokenizer(context.store), context)


def spec(**values: object) -> TrainingSpec:
    return QUICK.model_copy(update=values)


def test_the_default_share_leaves_out_what_a_replica_holds(ray_session: Session, job: Job) -> None:
    with replica(3):
        assert cpus_per_worker(job, current_room()) == 1
    until(lambda: free() == 4)
    assert cpus_per_worker(job, current_room()) == 4


def test_a_share_that_is_given_is_taken(ray_session: Session, context: StageContext) -> None:
    given = make_job(context.store, make_tokens(context.store), make_tokenizer(context.store), spec(cpus_per_worker=2))
    assert cpus_per_worker(given, current_room()) == 2


def test_training_starts_beside_a_replica(ray_session: Session, context: StageContext) -> None:
    told = Told()
    with replica(3):
        train(replace(context, reporter=told), spec())
    assert told.waited == [], "it took what was free: nothing to wait for"


def test_training_says_who_holds_what_it_needs_and_starts_when_that_ends(ray_session: Session, context: StageContext) -> None:
    with replica(3) as end_it:
        told = Told(then=lambda: threading.Timer(3, end_it).start())
        train(replace(context, reporter=told), spec(cpus_per_worker=2))
    first = told.waited[0]
    assert (first["wanted"], first["free"], first["possible"]) == ("1 x (CPU 2)", 0, 0)
    assert "replica-3 (CPU 3)" in str(first["held_by"])


def test_a_stop_while_it_waits_does_not_wait_for_a_checkpoint(ray_session: Session, context: StageContext) -> None:
    with replica(4) as end_it:
        told = Told(then=lambda: threading.Timer(3, os.kill, (os.getpid(), signal.SIGTERM)).start())
        begun = time.monotonic()
        with stop_on_sigterm(), pytest.raises(Interrupted, match="stopped while it waited for machines"):
            train(replace(context, reporter=told), spec())
        assert time.monotonic() - begun < 60, "120 s are for workers that leave a checkpoint"
        until(lambda: all(each["state"] == "REMOVED" for each in placement_group_table().values()))
        end_it()
    until(lambda: free() == 4)


def test_what_no_machine_can_hold_is_refused_at_once(ray_session: Session, context: StageContext) -> None:
    with pytest.raises(ResourceError, match=r"asks for 1 x \(CPU 5\), each on one machine; this cluster can hold none"):
        train(context, spec(workers=1, cpus_per_worker=5))
