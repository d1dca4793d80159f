"""A process that hangs writes down where, is told apart from one that waits for it, and ends in the end."""

import threading

import pytest

from cluster.artifacts import ArtifactStore
from tests.workloads.training.test_clock import Ticking
from workloads.training.clock import Clock, Phase
from workloads.training.hang import HangWatch, stack_dump, watched
from workloads.training.run_folder import RunFolder


class Watched:
    def __init__(self, folder: RunFolder, phase: Phase, limit: float = 60.0) -> None:
        self.time, self.told, self.ended = Ticking(), list[str](), 0
        self.clock = Clock(self.time)
        self.clock.lap(12)
        self.clock.enter(phase)
        self.watch = HangWatch(self.clock, limit, 1, folder, self.told.append, self._end)
        self.watch.look(self.time.now)

    def _end(self) -> None:
        self.ended += 1

    def after(self, seconds: float) -> None:
        self.time.now += seconds
        self.watch.look(self.time.now)


@pytest.fixture
def folder(store: ArtifactStore) -> RunFolder:
    return RunFolder.of(store, "a" * 20)


def test_a_hang_is_written_down_once_and_ends_the_process(folder: RunFolder) -> None:
    hanging = Watched(folder, "data")
    hanging.after(59)
    assert not hanging.told
    hanging.after(2)
    hanging.after(2)
    (told,) = hanging.told
    assert "rank 1" in told
    assert "hangs in data after step 12" in told
    stack = (folder.read("stacks/rank-1-step-12.txt") or b"").decode()
    assert "test_a_hang_is_written_down_once" in stack
    assert not hanging.ended
    hanging.after(60)
    assert hanging.ended == 1


@pytest.mark.parametrize(("phase", "words"), [("exchange", "waits for the others"), ("checkpoint", "hangs in checkpoint")])
def test_one_that_waits_for_others_or_writes_is_told_and_left(folder: RunFolder, phase: Phase, words: str) -> None:
    waiting = Watched(folder, phase)
    waiting.after(500)
    waiting.after(500)
    assert len(waiting.told) == 1
    assert words in waiting.told[0]
    assert not waiting.ended


def test_slow_steps_are_no_hang(folder: RunFolder) -> None:
    slow = Watched(folder, "compute", limit=10.0)
    for step in range(13, 18):
        slow.time.now += 8
        slow.clock.lap(step)
        slow.watch.look(slow.time.now)
    slow.after(100)  # of steps of 8 s
    assert not slow.told
    slow.after(61)
    assert len(slow.told) == 1


def test_a_thread_that_hangs_is_found_while_it_hangs(folder: RunFolder) -> None:
    clock, told = Clock(), threading.Event()
    clock.enter("exchange")
    with watched(clock, 0.01, 0, folder, lambda _: told.set()):
        assert told.wait(60)
    assert b"test_a_thread_that_hangs" in (folder.read("stacks/rank-0-step-0.txt") or b"")


def test_a_stack_dump_names_this_function() -> None:
    assert "test_a_stack_dump_names_this_function" in stack_dump()
