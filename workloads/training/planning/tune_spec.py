"""The `tune` section of a recipe: which settings of the training are searched, where, and how long a trial is."""

from typing import Literal

from pydantic import Field, model_validator

from cluster.config import Spec
from workloads.training.spec import TrainingSpec

# What decides the length of a run or how it is watched, which the search sets itself.
_SET_BY_THE_SEARCH = {"steps", "epochs", "minutes", "stop_when_flat", "evaluate_every", "evaluate_rows", "log_every"}
SEARCHABLE = tuple(
    key for key, value in TrainingSpec().identity().items() if key not in _SET_BY_THE_SEARCH and not isinstance(value, dict)
)


class Dimension(Spec):
    """One setting: `choices`, or everything from `low` to `high`."""

    choices: tuple[int | float | str | bool, ...] | None = Field(None, min_length=1, description="the values to draw from")
    low: float | None = Field(None, description="smallest value")
    high: float | None = Field(None, description="largest value")
    scale: Literal["log", "linear"] = Field("log", description="how values between low and high are drawn")

    @model_validator(mode="after")
    def _one_way(self) -> "Dimension":
        bounds = (self.low, self.high)
        if (self.choices is None) != (None not in bounds) or (self.choices is not None and bounds != (None, None)):
            raise ValueError("give either choices, or low and high")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
            if self.scale == "log" and self.low <= 0:
                raise ValueError("a log scale begins above 0; raise low, or set scale: linear")
        return self


class TuneSpec(Spec):
    """Trials drawn at random (the first is the recipe as it is), the worse ones ended early (ASHA, arXiv 1810.05934)."""

    space: dict[str, Dimension] = Field(
        {"learning_rate": Dimension(low=3e-4, high=1e-2)}, min_length=1, description="settings of `training` and their values"
    )
    trials: int = Field(16, ge=2, le=10_000, description="how many are drawn")
    share: float = Field(0.1, gt=0, le=1, description="length of a whole trial as a share of the recipe's training")
    reduction: int = Field(
        3, ge=2, le=10, description="one of so many goes on at each of two looks: at length / reduction^2 and / reduction"
    )
    together: int | None = Field(None, ge=1, description="trials at a time (default: as many as there are processors for)")

    @model_validator(mode="after")
    def _known_settings(self) -> "TuneSpec":
        if unknown := [key for key in self.space if key not in SEARCHABLE]:
            raise ValueError(f"{unknown[0]} cannot be searched; allowed are {', '.join(SEARCHABLE)}")
        return self
