"""`training.health` of a recipe: what counts as a bad step and what a run does about it."""

from typing import Literal

from pydantic import Field

from cluster.config import Spec
from cluster.manifest import Json

Action = Literal["skip", "roll_back", "stop"]

_BOUNDS = frozenset({"max_skipped", "max_rollbacks", "hang_seconds"})  # a run that reached one may go on with another


class HealthSpec(Spec):
    """A step is bad where its loss or gradient norm is no number, or a spike among the accepted steps before it."""

    action: Action = Field(
        "skip", description="skip (leave the update out), roll_back (to a checkpoint and past the rows) or stop"
    )
    spike_score: float = Field(
        10.0, ge=0, description="robust z-score of loss or gradient norm that makes a spike (0: only what is no number)"
    )
    window: int = Field(128, ge=16, description="accepted steps that a step is compared with")
    in_a_row: int = Field(4, ge=2, description="bad steps one after the other after which `skip` rolls back too")
    passed_before: int = Field(8, ge=0, description="steps before the bad ones whose rows a roll back leaves out as well")
    max_skipped: int = Field(100, ge=1, description="steps left out after which the run ends")
    max_rollbacks: int = Field(3, ge=0, description="roll backs after which the run ends at the next row of bad steps")
    hang_seconds: float = Field(
        300.0, gt=0, description="without a sign of life for so long, a worker writes down where it hangs"
    )

    def identity(self) -> dict[str, Json]:
        """The values that decide the result."""
        return {key: value for key, value in self.to_json().items() if key not in _BOUNDS}
