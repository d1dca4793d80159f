"""Who takes part in the next step: members arrive, are lost or leave, and meet once all who are left have arrived. Pure.

Not for asking who is alive (roll.py) nor for what the members then do (peers.py).
"""

from dataclasses import dataclass
from typing import Literal

Ending = Literal["finished", "stopped", "left"]
Leave = Literal["", "dismissed", "moved"]
TORN = -1  # the progress of a process that was copying another's state when that one was lost


class PeerLost(Exception):
    """An exchange broke, since a process that took part in it is gone. Nothing was applied: all that are left meet again."""


class Ended(Exception):
    """The run is over for all; raised to a process that wanted to meet the others."""

    def __init__(self, how: Ending) -> None:
        super().__init__(how)
        self.how: Ending = how


@dataclass(frozen=True)
class News:
    """What a member should know at the next step boundary: whether all shall meet, and whether it shall go. One that is `moved`
    is replaced on another machine, one that is `dismissed` is not."""

    meet: bool = False
    leave: Leave = ""


@dataclass(frozen=True)
class CatchUp:
    """All copy the state of the process with rank `source`; `behind`: this one needs it, to the others it is nothing new."""

    source: int
    behind: bool


@dataclass(frozen=True)
class Member:
    """One process, for as long as it lives: `name` is never used again, `place` is that of its worker and decides its rank
    among those who came together. `store` is where the others of a meeting find it; `machine` is Ray's node id."""

    name: str
    place: int
    machine: str = ""
    store: tuple[str, int] = ("", 0)


@dataclass(frozen=True)
class Meeting:
    """Who takes part from now on, in the order of ranks; meetings are numbered from 1. `source` is the rank of a member that
    has come furthest, `behind` are those that need its state: they have not, or they are new."""

    number: int
    members: tuple[Member, ...]
    source: int
    behind: frozenset[int]

    def catch_up(self, member: Member) -> CatchUp | None:
        return CatchUp(self.source, self.members.index(member) in self.behind) if self.behind else None


class RollCall:
    """Knows everyone who ever arrived and was not lost. The first meeting waits for `expected` members, later ones only for
    those who are known: so the work goes on while a replacement is still on its way."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._number = 0
        self._since: dict[Member, int] = {}  # member -> the meeting that it first takes part in
        self._progress: dict[Member, int] = {}  # of those who have arrived

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._since)

    @property
    def begun(self) -> bool:
        return self._number > 0

    @property
    def waiting(self) -> bool:
        """Whether someone has arrived, so that all others should come."""
        return bool(self._progress)

    def missing(self) -> tuple[Member, ...]:
        return tuple(member for member in self._since if member not in self._progress)

    def expect(self, count: int) -> None:
        """How many the first meeting waits for."""
        self._expected = count

    def arrive(self, member: Member, progress: int) -> None:
        """`progress` orders states: more is further. Who came to the same place before is lost: it has been replaced."""
        for other in self.members:
            if other.place == member.place and other != member:
                self.lose(other)
        self._since.setdefault(member, self._number + 1)
        self._progress[member] = progress

    def lose(self, member: Member) -> None:
        """It is dead, has left, or did not come in time."""
        self._since.pop(member, None)
        self._progress.pop(member, None)

    def meet(self) -> Meeting | None:
        """The next meeting, if everyone is there. Members keep their order; who joins comes behind."""
        if not self._progress or self.missing() or (not self.begun and len(self._progress) < self._expected):
            return None
        members = tuple(sorted(self._progress, key=lambda member: (self._since[member], member.place)))
        furthest = max(self._progress.values())
        whole = [self._progress[member] == furthest > TORN for member in members]
        known = [self._since[member] <= self._number for member in members]
        source = whole.index(True) if any(whole) else 0
        fit = [each and (old or rank == source) for rank, (each, old) in enumerate(zip(whole, known, strict=True))]
        self._number += 1
        self._progress.clear()
        return Meeting(self._number, members, source, frozenset(rank for rank, each in enumerate(fit) if not each))
