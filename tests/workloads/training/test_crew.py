"""Who is hired, dismissed and moved, and when a run is over, with groups that only the test ends."""

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cluster.errors import HanlinError, LossError, TrainingError
from cluster.observe.progress import SilentReporter, Value
from workloads.training import crew as module
from workloads.training.crew import Crew
from workloads.training.roll import Stand
from workloads.training.rollcall import Ending, Leave, Member
from workloads.training.sizing import Change, Limits


@dataclass
class FakeRoll:
    members: tuple[Member, ...] = ()
    begun: bool = True
    how: Ending | HanlinError | None = None
    sent: list[tuple[int, Leave]] = field(default_factory=list)
    expected: int | None = None

    def stand(self) -> Stand:
        return Stand(self.members, self.begun, self.how)

    def send_away(self, members: list[Member], leave: Leave) -> None:
        self.sent += [(member.place, leave) for member in members]

    def expect(self, count: int) -> None:
        self.expected = count


class Telling(SilentReporter):
    def __init__(self) -> None:
        self.sizes: list[tuple[Value, Value]] = []

    def note(self, event: str, **facts: Value) -> None:
        self.sizes.append((facts["before"], facts["workers"]))


class House:
    """A crew whose groups run until the test ends them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, least: int, most: int) -> None:
        quiet = SimpleNamespace(begin=lambda room: None, look=lambda: None)
        monkeypatch.setattr(module, "Waiting", lambda reporter, shape, count: quiet)
        monkeypatch.setattr(module, "current_room", lambda: None)
        monkeypatch.setattr(module, "_without_place", lambda shape: self.unplaced)
        self.unplaced = 0
        self.roll, self.reporter, self.change = FakeRoll(), Telling(), cast("Change | None", None)
        self.hired: dict[tuple[int, int], threading.Event] = {}
        self.failing: set[int] = set()
        self.stops = 0
        board = SimpleNamespace(ask_to_stop=self._stop)
        sizer = SimpleNamespace(change=lambda size: self.change)
        given: list[Any] = [self._hire, {"CPU": 1.0}, self.roll, board, Limits(least, most), sizer, self.reporter]
        self.crew = Crew(*given)

    def _stop(self) -> None:
        self.stops += 1

    def _hire(self, place: int, count: int) -> Any:
        ended = self.hired[(place, count)] = threading.Event()

        def fit() -> None:
            assert ended.wait(60)
            if place in self.failing:
                raise RuntimeError("lost too often")

        return fit

    def look(self, change: Change | None = None) -> None:
        self.change = change
        self.crew.look()

    def end(self, place: int) -> None:
        next(event for (first, _), event in self.hired.items() if first == place).set()


def members(*machines: str) -> tuple[Member, ...]:
    return tuple(Member(f"m{place}", place, machine) for place, machine in enumerate(machines))


def test_the_least_are_one_group_and_the_others_come_and_go_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, least=2, most=4)
    house.crew.begin(4)
    assert list(house.hired) == [(0, 2), (2, 1), (3, 1)]
    house.roll.members = members("a", "a", "b", "b")
    house.look(Change(3))
    assert house.roll.sent == [(3, "dismissed")]
    house.end(3)
    house.look(Change(4))
    assert list(house.hired)[-1] == (4, 1)
    assert house.crew.size == 4
    assert house.reporter.sizes == [(4, 3), (3, 4)]


def test_a_machine_that_goes_moves_the_least_and_dismisses_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, least=1, most=2)
    house.crew.begin(2)
    house.roll.members = members("a", "b")
    house.look(Change(1, frozenset({"a"})))
    assert house.roll.sent == [(0, "moved")]
    house.look(Change(1, frozenset({"b"})))
    assert (1, "dismissed") in house.roll.sent
    assert house.crew.size == 1


def test_it_begins_without_those_whose_room_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, least=1, most=3)
    monkeypatch.setattr(module, "GROW_SECONDS", 0.0)
    house.roll.begun, house.unplaced = False, 1
    house.crew.begin(3)
    house.look()
    house.look()
    assert house.roll.expected == 2
    assert house.reporter.sizes == [(3, 2)]
    assert not house.crew.placed()


@pytest.mark.parametrize("how", ["finished", "stopped"])
def test_it_is_over_when_all_groups_are(monkeypatch: pytest.MonkeyPatch, how: Ending) -> None:
    house = House(monkeypatch, least=1, most=2)
    house.crew.begin(2)
    house.roll.how = how
    house.look()
    house.end(0)
    assert not house.crew.done(0.05)
    house.end(1)
    assert house.crew.done(30)
    assert house.crew.ending() == how


def test_a_group_that_waits_for_a_machine_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, least=1, most=2)
    monkeypatch.setattr(module, "_LAST_SECONDS", 0.05)
    given_up: list[bool] = []
    monkeypatch.setattr(module.InBackground, "abandon", lambda self: given_up.append(True))
    house.crew.begin(2)
    house.end(0)
    house.roll.how = "finished"
    house.look()
    assert house.crew.done(30)
    assert given_up == [True]
    assert house.crew.ending() == "finished"
    house.end(1)


def test_workers_lost_too_often_stop_the_others_and_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, least=1, most=2)
    house.crew.begin(2)
    house.failing.add(0)
    house.end(0)
    until = time.monotonic() + 30
    while not house.stops and time.monotonic() < until:
        assert not house.crew.done(0.01)
    assert house.stops == 1
    house.roll.how = "stopped"
    house.look()
    house.end(1)
    assert house.crew.done(30)
    with pytest.raises(TrainingError, match="lost too often"):
        house.crew.ending()


def test_what_ended_the_run_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, least=1, most=2)
    house.crew.begin(1)
    house.roll.how = LossError("no number", "", "")
    house.look()
    house.end(0)
    assert house.crew.done(30)
    with pytest.raises(LossError):
        house.crew.ending()
