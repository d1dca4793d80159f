"""Who a training process tells and asks between two steps."""

from typing import Protocol

from workloads.training.metrics import StepRecord


class Listener(Protocol):
    """Every method answers at once; a listener never stops a run by failing."""

    def step(self, record: StepRecord) -> None:
        """A step is done (told by rank 0); its loss is that step's alone."""

    def line(self, record: StepRecord) -> None:
        """A line of metrics was kept (told by rank 0)."""

    def saved(self, step: int) -> None:
        """A checkpoint of this step is committed (told by rank 0)."""

    def went_on(self, workers: int, seconds: float) -> None:
        """The first step since processes were lost, left or joined is done, by so many, so long after the step before (told by
        rank 0)."""

    def note(self, text: str) -> None:
        """Something worth telling that is no metric."""

    def stop_wanted(self) -> bool:
        """Whether the whole run shall end at the next step boundary (asked of rank 0)."""

    def leave_wanted(self) -> bool:
        """Whether this process was told to go, while the run goes on without it."""


class Unheard:
    """For library use: hears nothing, wants nothing."""

    def step(self, record: StepRecord) -> None: ...
    def line(self, record: StepRecord) -> None: ...
    def saved(self, step: int) -> None: ...
    def went_on(self, workers: int, seconds: float) -> None: ...
    def note(self, text: str) -> None: ...

    def stop_wanted(self) -> bool:
        return False

    def leave_wanted(self) -> bool:
        return False
