"""Who a training process tells and asks between two steps."""

from functools import cached_property
from typing import Literal, Protocol

from workloads.training.clock import Clock, Spent
from workloads.training.metrics import StepRecord

IncidentKind = Literal["bad_step", "roll_back", "checkpoint_damaged", "hang", "straggler", "resize", "failure"]


class Listener(Protocol):
    """Every method answers at once; a listener never stops a run by failing."""

    @property
    def clock(self) -> Clock:
        """Measures this process."""

    def step(self, record: StepRecord) -> None:
        """A step is done (told by rank 0); its loss is that step's alone."""

    def line(self, record: StepRecord) -> None:
        """A line of metrics was kept (told by rank 0)."""

    def saved(self, step: int) -> None:
        """A checkpoint of this step is committed (told by rank 0)."""

    def went_on(self, workers: int, seconds: float) -> None:
        """The first step since processes were lost, left or joined is done, by so many, so long after the step before (told by
        rank 0)."""

    def spent(self, step: int, spent: Spent, applied: bool, tells: bool) -> None:
        """Where the seconds of a step went; `step` steps are done, and the last one's update was applied or not. `tells`: this
        process is rank 0, and keeps the account for all."""

    def note(self, text: str) -> None:
        """Something worth telling that is no metric."""

    def incident(self, kind: IncidentKind, text: str) -> None:
        """Something that somebody should look at."""

    def stop_wanted(self) -> bool:
        """Whether the whole run shall end at the next step boundary (asked of rank 0)."""

    def leave_wanted(self) -> bool:
        """Whether this process was told to go, while the run goes on without it."""


class Unheard:
    """For library use: hears nothing, wants nothing."""

    @cached_property
    def clock(self) -> Clock:
        return Clock()

    def step(self, record: StepRecord) -> None: ...
    def line(self, record: StepRecord) -> None: ...
    def saved(self, step: int) -> None: ...
    def went_on(self, workers: int, seconds: float) -> None: ...
    def spent(self, step: int, spent: Spent, applied: bool, tells: bool) -> None: ...
    def note(self, text: str) -> None: ...

    def incident(self, kind: IncidentKind, text: str) -> None:
        self.note(text)

    def stop_wanted(self) -> bool:
        return False

    def leave_wanted(self) -> bool:
        return False
