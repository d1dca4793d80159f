"""Every second belongs to one phase."""

from collections.abc import Iterator

import torch

from workloads.training.clock import Clock, TimedGroup
from workloads.training.communicator import Alone


class Ticking:
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_phases_within_phases() -> None:
    time = Ticking()
    clock = Clock(time)
    time.now += 5
    clock.enter("compute")
    time.now += 2
    with clock.within("evaluation"):
        time.now += 3
        with clock.within("exchange"):
            time.now += 1
        time.now += 4
    time.now += 6
    assert clock.silent() == 6
    assert clock.lap(7) == {"start": 5, "compute": 8, "evaluation": 7, "exchange": 1}
    assert (clock.step, clock.phase) == (7, "compute")
    time.now += 9
    assert clock.lap(8) == {"compute": 9}


def test_waiting_for_items_and_working_on_them() -> None:
    time = Ticking()
    clock = Clock(time)
    clock.enter("compute")

    def slow() -> Iterator[int]:
        for item in range(3):
            time.now += 10
            yield item

    seen = []
    for item in clock.waiting_for(slow()):
        time.now += 1
        seen.append(item)
    spent = clock.lap(1)
    assert seen == [0, 1, 2]
    assert (spent["data"], spent["compute"]) == (30, 3)


def test_an_exchange_is_a_phase_of_its_own() -> None:
    time = Ticking()
    clock = Clock(time)

    class Slow(Alone):
        def sum(self, tensor: torch.Tensor) -> None:
            time.now += 2
            tensor.mul_(2)

    group = TimedGroup(Slow(), clock)
    tensor = torch.ones(1)
    group.sum(tensor)
    group.copy(tensor)
    assert tensor.item() == 2
    assert (group.rank, group.size) == (0, 1)
    assert clock.lap(1)["exchange"] == 2
