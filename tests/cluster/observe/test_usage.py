"""What the processes of a run take, seen on a child that takes a known amount."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.observe.usage import Meter

HELD = 60 << 20
CHILD = f"""
import sys, time
open("/proc/self/comm", "w").write("raylet")
held = b"x" * {HELD}
while time.process_time() < 0.3: sum(range(10_000))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def child() -> Iterator[None]:
    """A process named as Ray names a worker and its node, that has worked and holds memory."""
    pipe = subprocess.PIPE
    with subprocess.Popen(["ray::work", "-c", CHILD], executable=sys.executable, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        assert process.stdin is not None
        process.stdin.close()


def test_a_step_has_what_all_processes_took_in_it() -> None:
    with Meter("before") as meter:
        with child():
            meter.at("work")
            meter.at("after")
        before, work, after = meter.done()
    assert [before.step, work.step, after.step] == ["before", "work", "after"]
    assert before.processor_seconds > 0.25
    assert after.processor_seconds < before.processor_seconds
    for step in (before, work):
        assert step.whole
        assert step.worker_bytes > HELD
        assert step.peak_bytes >= step.driver_bytes + step.worker_bytes - (1 << 20)
    assert after.driver_bytes <= after.peak_bytes


def test_without_ray_it_says_that_it_saw_the_driver_alone() -> None:
    with Meter("alone") as meter:
        (step,) = meter.done()
    assert not step.whole
    assert step.worker_bytes == 0
    assert step.peak_bytes >= step.driver_bytes > 0
