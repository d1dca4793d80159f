"""Runs of peers that are lost, replaced, sent away and joined: nothing is lost, done twice or half applied. Real gloo, no Ray."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cluster.artifacts import ArtifactStore
from tests.workloads.training.conftest import QUICK, make_job, make_tokenizer, make_tokens, run_in_threads
from tests.workloads.training.peers_in_threads import LocalRoll, Workers
from workloads.training.checkpoint import LEDGER, METRICS, OPTIMIZER, WEIGHTS, Checkpoint, CheckpointStore
from workloads.training.job import Job
from workloads.training.listener import Unheard
from workloads.training.metrics import StepRecord
from workloads.training.order import LedgerLine, RowOrder, first_fault
from workloads.training.step import OptimizerStep

NO_CHECKPOINT = QUICK.model_copy(update={"checkpoint_every": 1000})


class Killed(BaseException):
    """Ends a thread as a kill ends a process: whatever it was at, without a word."""


class Doing(Unheard):
    """Does something after some steps; only the process with rank 0 is told of steps."""

    def __init__(self, **actions: Callable[[], None]) -> None:
        self._actions = {int(name.removeprefix("after_")): action for name, action in actions.items()}

    def step(self, record: StepRecord) -> None:
        if action := self._actions.pop(record.step, None):
            action()

    line = step


@pytest.fixture
def job(store: ArtifactStore) -> Job:
    return make_job(store, make_tokens(store), make_tokenizer(store), NO_CHECKPOINT)


@pytest.fixture
def alone(tmp_path: Path) -> Checkpoint:
    """The last checkpoint of the run that nothing disturbs, on one process."""
    store = ArtifactStore(str(tmp_path / "undisturbed"))
    undisturbed = make_job(store, make_tokens(store), make_tokenizer(store), NO_CHECKPOINT)
    assert run_in_threads(undisturbed, 1) == ["finished"]
    return last(undisturbed)


def last(job: Job) -> Checkpoint:
    found = job.checkpoints().newest(pytest.fail)
    assert found is not None
    return found


def sizes(job: Job) -> list[int]:
    """The participants of each step, after the ledger was found to be whole."""
    lines = [LedgerLine.from_line(line) for line in last(job).lines(LEDGER)]
    assert first_fault(lines, stop=12 * QUICK.global_batch, order=RowOrder(40, 7)) == ""
    return [line.participants for line in lines]


def assert_learnt_the_same(job: Job, other: Checkpoint) -> None:
    """Floats are added in another order, which the optimizer's division makes larger where gradients are next to nothing."""
    for name, weight in last(job).weights().items():
        torch.testing.assert_close(weight, other.weights()[name], rtol=1e-2, atol=1e-3)


class Dying:
    """Kills the thread of one name within the exchange of a step: before it is whole, or after it while others have yet to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, step: int, computed: bool) -> None:
        import threading

        run, seen = OptimizerStep.run, {"steps": 0}

        def run_or_die(self: OptimizerStep, *arguments: object) -> object:
            if threading.current_thread().name != name:
                return run(self, *arguments)  # type: ignore[arg-type]
            seen["steps"] += 1
            if seen["steps"] == step and not computed:
                raise Killed
            result = run(self, *arguments)  # type: ignore[arg-type]
            if seen["steps"] == step:
                raise Killed
            return result

        monkeypatch.setattr(OptimizerStep, "run", run_or_die)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("computed", [False, True])
def test_the_others_go_on_with_the_step_that_a_lost_worker_was_at(
    job: Job, alone: Checkpoint, monkeypatch: pytest.MonkeyPatch, place: int, computed: bool
) -> None:
    Dying(monkeypatch, f"w{place}", step=5, computed=computed)
    workers = Workers(job, LocalRoll(expected=3))
    for each in range(3):
        workers.start(each, f"w{each}", Unheard())
    endings = workers.join()
    assert isinstance(endings.pop(f"w{place}"), Killed)
    assert set(endings.values()) == {"finished"}
    assert sizes(job) in ([3] * 4 + [2] * 8, [3] * 5 + [2] * 7)
    assert_learnt_the_same(job, alone)


def test_a_replacement_copies_from_a_living_peer_and_no_checkpoint(
    job: Job, alone: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dying(monkeypatch, "w1", step=3, computed=False)
    workers = Workers(job, LocalRoll(expected=2))

    def replace() -> None:
        assert job.checkpoints().newest(pytest.fail) is None
        workers.start(1, "w1-again", Unheard())
        workers.until_someone_waits()

    workers.start(0, "w0", Doing(after_6=replace))
    workers.start(1, "w1", Unheard())
    endings = workers.join()
    assert (endings["w0"], endings["w1-again"]) == ("finished", "finished")
    assert sizes(job) == [2] * 2 + [1] * 5 + [2] * 5
    assert_learnt_the_same(job, alone)
    assert len(last(job).lines(METRICS)) == len(alone.lines(METRICS))


def test_one_that_is_dismissed_goes_and_another_joins_without_a_restart(job: Job, alone: Checkpoint) -> None:
    roll = LocalRoll(expected=3)
    workers = Workers(job, roll)

    def join() -> None:
        workers.start(3, "w3", Unheard())
        workers.until_someone_waits()

    workers.start(0, "w0", Doing(after_3=lambda: roll.send_away(2, "dismissed"), after_7=join))
    workers.start(1, "w1", Unheard())
    workers.start(2, "w2", Unheard())
    assert workers.join() == {"w0": "finished", "w1": "finished", "w2": "left", "w3": "finished"}
    found = sizes(job)
    assert found[:4] == [3] * 4
    assert 2 in found
    assert found[-1] == 3
    assert_learnt_the_same(job, alone)


def test_when_the_first_is_told_to_go_it_leaves_a_checkpoint_and_another_leads(job: Job) -> None:
    roll = LocalRoll(expected=2)
    workers = Workers(job, roll)
    workers.start(0, "w0", Doing(after_3=lambda: roll.send_away(0, "moved")))
    workers.start(1, "w1", Unheard())
    assert workers.join() == {"w0": "left", "w1": "finished"}
    steps = {artifact.manifest.counts["step"] for artifact in job.checkpoints().store.artifacts("checkpoint")}
    assert 12 in steps
    assert any(3 < step < 12 for step in steps)
    assert sizes(job)[-1] == 1


def test_a_stop_that_comes_with_a_loss_leaves_one_checkpoint_for_all(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopping(Unheard):
        def stop_wanted(self) -> bool:
            return True

    Dying(monkeypatch, "w1", step=1, computed=True)
    workers = Workers(job, LocalRoll(expected=3))
    for place in range(3):
        workers.start(place, f"w{place}", Stopping())
    endings = workers.join()
    assert (endings["w0"], endings["w2"]) == ("stopped", "stopped")
    assert last(job).state.step == 1
    assert run_in_threads(job, 1) == ["finished"]
    assert set(sizes(job)) == {1, 3}


def test_the_same_peers_stopped_and_resumed_equal_an_undisturbed_run_to_the_bit(job: Job, tmp_path: Path) -> None:
    class StopAt4(Unheard):
        wanted = False

        def step(self, record: StepRecord) -> None:
            self.wanted = record.step >= 4

        line = step

        def stop_wanted(self) -> bool:
            return self.wanted

    def run(job: Job, hear: Callable[[], Unheard]) -> set[object]:
        workers = Workers(job, LocalRoll(expected=2))
        for place in (1, 0):
            workers.start(place, f"w{place}", hear())
        return set(workers.join().values())

    store = ArtifactStore(str(tmp_path / "other"))
    undisturbed = make_job(store, make_tokens(store), make_tokenizer(store), NO_CHECKPOINT)
    assert run(undisturbed, Unheard) == {"finished"}
    assert run(job, StopAt4) == {"stopped"}
    assert last(job).state.step == 5
    assert run(job, Unheard) == {"finished"}
    for name in (WEIGHTS, OPTIMIZER):
        assert (last(job).folder / name).read_bytes() == (last(undisturbed).folder / name).read_bytes()


def test_the_one_that_writes_the_last_checkpoint_is_lost_at_it_and_another_writes_it(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, killed = CheckpointStore.save, []

    def save_or_die(self: CheckpointStore, content: object) -> object:
        if not killed:
            killed.append(True)
            raise Killed
        return save(self, content)  # type: ignore[arg-type]

    monkeypatch.setattr(CheckpointStore, "save", save_or_die)
    workers = Workers(job, LocalRoll(expected=2))
    for place in range(2):
        workers.start(place, f"w{place}", Unheard())
    assert workers.join()["w1"] == "finished"
    assert last(job).state.finished
    assert sizes(job) == [2] * 12
