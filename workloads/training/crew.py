"""The workers of a run that outlive each other: how many there are, who is sent away, who is hired.

The least number of them is one Ray Train group, whose lost workers Ray Train replaces one by one. Each worker above it is a
group of its own, so that it can come, or go and give its place back, while the others train on. Starting groups: elastic.py.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.capacity import Waiting, current_room
from cluster.errors import HanlinError
from cluster.observe.board import Board
from cluster.observe.progress import Reporter
from cluster.room import Resources
from workloads.training.background import InBackground, plain
from workloads.training.roll import Roll
from workloads.training.rollcall import Ending, Member
from workloads.training.sizing import GROW_SECONDS, Limits, Sizer

_LAST_SECONDS = 10.0  # for Ray Train to see that its workers are done; a group that waits for a machine never does
_WAIT_SECONDS = 0.1

Hire = Callable[[int, int], Callable[[], Any]]  # (first place, workers) -> the blocking call that runs such a group


@dataclass
class _Group:
    """Workers at the places [first, first + count)."""

    first: int
    count: int
    running: InBackground
    dismissed: bool = False

    def holds(self, member: Member) -> bool:
        return self.first <= member.place < self.first + self.count


class Crew:
    """All groups of one run; a `supervise.Workers`."""

    def __init__(
        self,
        hire: Hire,
        shape: Resources,
        roll: Roll,
        board: Board,
        limits: Limits,
        sizer: Sizer,
        reporter: Reporter,
    ) -> None:
        self._hire, self._shape, self._roll, self._board = hire, shape, roll, board
        self._waiting = Waiting(reporter, shape, limits.least)
        self._limits, self._sizer, self._reporter = limits, sizer, reporter
        self._groups: list[_Group] = []
        self._begun = False
        self._outcome: Ending | HanlinError | None = None
        self._last: float | None = None  # until when the groups may take to see that they are done
        self._error: Exception | None = None  # of a group that was lost too often; the others are stopped for it
        self._unplaced, self._since = 0, 0.0  # how many have no place, for how long
        self._expects_fewer = False

    def begin(self, workers: int) -> None:
        """Hire the first so many."""
        self._waiting.begin(current_room())
        self._add(self._limits.least)
        for _ in range(workers - self._limits.least):
            self._add(1)

    @property
    def size(self) -> int:
        return sum(group.count for group in self._groups if not group.dismissed)

    def look(self) -> int | None:
        self._waiting.look()
        if self._outcome is not None:
            return None
        stand = self._roll.stand()
        self._outcome = stand.ended
        if self._outcome is not None:
            return None
        self._begun = self._begun or stand.begun
        if not self._begun:
            self._begin_with_fewer()
            return None
        change = self._sizer.change(self.size)
        if change is not None and change.leaving:
            self._clear(stand.members, change.leaving)
        elif change is not None:
            self._resize(change.workers)
        self._send(stand.members)
        return None

    def placed(self) -> bool:
        self._begun = self._begun or self._roll.stand().begun  # the last look may be a while ago
        return self._begun

    def done(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._over():
            if (left := until - time.monotonic()) <= 0:
                return False
            time.sleep(min(left, _WAIT_SECONDS))
        return True

    def abandon(self) -> None:
        self._groups[0].running.abandon()

    def ending(self) -> Ending:
        outcome = self._roll.stand().ended
        if isinstance(outcome, HanlinError):
            raise outcome
        if outcome != "finished" and self._error is not None:
            raise plain(self._error) from self._error
        return outcome or "stopped"

    def _over(self) -> bool:
        working = [group for group in self._groups if not group.running.done()]
        if self._error is None and self._last is None:  # what is given up below fails, too
            errors = [group.running.error for group in self._groups if not group.dismissed]
            if (error := next(filter(None, errors), None)) is not None:
                self._error = error
                self._board.ask_to_stop()
        if self._outcome is not None:
            self._last = self._last or time.monotonic() + _LAST_SECONDS
        if working and self._last is not None and time.monotonic() > self._last:
            working[0].running.abandon()
            return True
        return not working

    def _add(self, count: int) -> None:
        place = self._groups[-1].first + self._groups[-1].count if self._groups else 0
        self._groups.append(_Group(place, count, InBackground(self._hire(place, count))))

    def _begin_with_fewer(self) -> None:
        """Where others have taken the room for some, the rest does not wait for them; they join once there is room."""
        unplaced = _without_place(self._shape)
        if unplaced != self._unplaced:
            self._unplaced, self._since = unplaced, time.monotonic()
        if not self._expects_fewer and 0 < unplaced < self.size and time.monotonic() - self._since >= GROW_SECONDS:
            self._expects_fewer = True
            self._reporter.note("training_resized", workers=self.size - unplaced, before=self.size)
            self._roll.expect(self.size - unplaced)

    def _resize(self, workers: int) -> None:
        self._reporter.note("training_resized", workers=workers, before=self.size)
        for group in reversed(self._groups[1:]):
            group.dismissed = group.dismissed or self.size > workers
        while self.size < workers:
            self._add(1)

    def _clear(self, members: tuple[Member, ...], machines: frozenset[str]) -> None:
        """Nobody shall be on these machines: those of the first group are replaced elsewhere, the others come back when there is
        room."""
        leaving = [member for member in members if member.machine in machines]
        self._reporter.note("training_resized", workers=len(members) - len(leaving), before=len(members))
        for group in self._groups[1:]:
            group.dismissed = group.dismissed or any(group.holds(member) for member in leaving)
        self._roll.send_away([member for member in leaving if self._groups[0].holds(member)], "moved")

    def _send(self, members: tuple[Member, ...]) -> None:
        dismissed = [group for group in self._groups if group.dismissed]
        if gone := [member for member in members if any(group.holds(member) for group in dismissed)]:
            self._roll.send_away(gone, "dismissed")


def _without_place(shape: Resources) -> int:
    """How many workers above the least wait for room; all of one run ask for the same."""
    from ray.util.placement_group import placement_group_table

    groups: Mapping[str, Any] = placement_group_table()
    return sum(
        each["state"] == "PENDING" and [dict(one) for one in each["bundles"].values()] == [shape] for each in groups.values()
    )
