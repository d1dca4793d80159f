"""The account of a run's seconds: what went into steps that stand, and what was lost to which cause. Goodput is the share.

It goes over all starts of a run: account.json in the run's folder. Not for measuring: clock.py does.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from workloads.training.clock import Spent
from workloads.training.listener import IncidentKind
from workloads.training.run_folder import RunFolder

FILE = "account.json"
Cause = Literal["start", "data", "checkpoint", "evaluation", "failure", "redo", "resize", "skipped"]
CAUSES: Mapping[Cause, str] = {
    "start": "until the first step of a start",
    "data": "steps waited for rows",
    "checkpoint": "steps waited for a checkpoint",
    "evaluation": "held-out loss was measured",
    "failure": "nobody trained after a loss",
    "redo": "steps done again after a loss or a roll back",
    "resize": "nobody trained while the number of workers changed",
    "skipped": "steps that were left out",
}
_ROUND = 3


@dataclass(frozen=True)
class Account:
    """Seconds so far. `reached`: the most steps ever done; `session`: when the driver began that wrote this (Unix time);
    `alive`: when it last did; `ending`: how its workers ended, empty while they work."""

    useful: float = 0.0
    lost: Mapping[str, float] = field(default_factory=dict)
    reached: int = 0
    session: float = 0.0
    alive: float = 0.0
    ending: str = ""
    starts: int = 0

    @property
    def goodput(self) -> float:
        """Share of the seconds that went into steps that stand; 1 before there are any."""
        total = self.useful + sum(self.lost.values())
        return self.useful / total if total > 0 else 1.0

    def losing(self, cause: Cause, seconds: float) -> "Account":
        if seconds <= 0:
            return self
        return replace(self, lost={**self.lost, cause: self.lost.get(cause, 0.0) + seconds})

    def begun(self, session: float, now: float) -> "Account":
        """Workers begin: what passed since the last sign of life of this driver, or since it began. The time between two
        drivers is nobody's: the run was not wanted then."""
        if self.session == session:
            cause: Cause = "resize" if self.ending in ("stopped", "left") else "failure"
            account = self.losing(cause, now - self.alive)
        else:
            account = self.losing("start", now - session)
        return replace(account, session=session, alive=now, ending="", starts=self.starts + 1)

    def stepped(self, step: int, spent: Spent, applied: bool, now: float) -> "Account":
        """`step` steps are done, the last of them with this; an update that was not applied is of no use."""
        account = self
        for cause in ("start", "checkpoint", "evaluation"):
            account = account.losing(cause, spent.get(cause, 0.0))
        account = account.losing("resize", spent.get("meeting", 0.0))
        working = spent.get("compute", 0.0) + spent.get("exchange", 0.0)
        if step <= self.reached:
            account = account.losing("redo", working + spent.get("data", 0.0))
        elif not applied:
            account = account.losing("skipped", working + spent.get("data", 0.0))
        else:
            account = replace(account.losing("data", spent.get("data", 0.0)), useful=account.useful + working)
        return replace(account, reached=max(self.reached, step), alive=now)

    def to_json(self) -> bytes:
        values = asdict(self) | {
            "useful": round(self.useful, _ROUND),
            "lost": {cause: round(seconds, _ROUND) for cause, seconds in self.lost.items()},
        }
        return json.dumps(values).encode()

    @staticmethod
    def read(folder: RunFolder) -> "Account":
        data = folder.read(FILE)
        return Account(**json.loads(data)) if data else Account()


class Bookkeeper:
    """Keeps the account in the run's folder, written every few seconds by a process's steps (rank 0).

    Raises StorageError where the folder cannot be written.
    """

    def __init__(self, folder: RunFolder, session: float, every: float = 2.0, now: Callable[[], float] = time.time) -> None:
        self._folder, self._session, self._every, self._now = folder, session, every, now
        self._begun = False
        self._next_write = 0.0
        self.account = Account.read(folder)

    def step(self, step: int, spent: Spent, applied: bool) -> tuple[IncidentKind, str] | None:
        """A step is done; what there is to tell of it, where it is the first after others were lost or resized."""
        now, news = self._now(), None
        if not self._begun:
            spent = {phase: seconds for phase, seconds in spent.items() if phase != "start"}
            news = self._begin(step, now - sum(spent.values()))
        self.account = self.account.stepped(step, spent, applied, now)
        if now >= self._next_write:
            self.write()
        return news

    def _begin(self, step: int, now: float) -> tuple[IncidentKind, str] | None:
        before, self._begun = self.account, True
        self.account = before.begun(self._session, now)
        again = max(0, before.reached - step + 1)
        steps = f"{again} step(s) are done again" if again else "no step is done again"
        if before.session != self._session:
            return ("failure", f"the run before ended without a word; {steps}") if before.starts and not before.ending else None
        seconds = now - before.alive
        if before.ending:
            return "resize", f"the workers stopped and began again in {seconds:.1f} s; {steps}"
        return "failure", f"the workers were lost; {seconds:.1f} s until others trained; {steps}"

    def end(self, ending: str) -> None:
        """How the workers ended."""
        self.account = replace(self.account, ending=ending, alive=self._now())
        self.write()

    def write(self) -> None:
        self._next_write = self._now() + self._every
        self._folder.write(FILE, self.account.to_json())
