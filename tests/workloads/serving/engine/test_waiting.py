"""Who waits leaves in order of priority and arrival, or at once."""

from tests.workloads.serving.test_delivery import quiet_stream
from workloads.serving.engine.base import Request
from workloads.serving.engine.running import Running
from workloads.serving.engine.waiting import Waiting


def running(name: str, priority: int = 0) -> Running:
    return Running(Request(name, (1,), 1, priority=priority), quiet_stream(), (1,))


def test_the_smaller_priority_then_who_came_first() -> None:
    waiting = Waiting()
    for name, priority in (("a", 1), ("b", 0), ("c", 1), ("d", -1), ("e", 0)):
        waiting.add(running(name, priority))
    assert [waiting.pop().request.id for _ in range(len(waiting))] == ["d", "b", "e", "a", "c"]


def test_whoever_leaves_is_gone_and_the_order_stays() -> None:
    waiting = Waiting()
    for priority, name in enumerate("abcdef"):
        waiting.add(running(name, -priority))
    left = waiting.remove("d")
    assert left is not None
    assert left.request.id == "d"
    assert waiting.remove("d") is None
    assert sorted(each.request.id for each in waiting) == ["a", "b", "c", "e", "f"]
    assert [waiting.pop().request.id for _ in range(len(waiting))] == ["f", "e", "c", "b", "a"]
