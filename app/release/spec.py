"""The `release` section of a recipe: in which steps, how long, how sure, how much worse is still well."""

from pydantic import Field, field_validator

from cluster.config import Spec


class ReleaseSpec(Spec):
    """The defaults suit some requests per second; with fewer a release only takes longer."""

    steps: tuple[float, ...] = Field(
        (0.01, 0.05, 0.25, 0.5, 1.0), min_length=1, description="shares of the requests, rising to 1"
    )
    hold_seconds: float = Field(60.0, ge=0, description="least seconds of a step")
    least_samples: int = Field(50, ge=1, description="answers of the new revision that a step needs before the next")
    shadow: float = Field(
        0.1, ge=0, le=1, description="share of requests copied to the new revision before the first step; 0: no such step"
    )
    error_probability: float = Field(
        0.01, gt=0, lt=0.5, description="most probable share of good revisions rolled back by chance, over a whole release"
    )
    slower: float = Field(1.25, ge=1, description="factor on times up to which the new revision is not called slower")
    bits: float = Field(1.02, ge=1, description="factor on bits per character up to which it is not called worse")
    garbage_bits: float = Field(
        1.5, ge=0, description="factor on bits per character of known text from which it takes no traffic at all; 0: not asked"
    )
    hooks: tuple[str, ...] = Field((), description="`module:function`, called with prompt and answer, True where it is good")

    @field_validator("steps")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)) or value[0] <= 0 or value[-1] != 1:
            raise ValueError("steps rise from above 0 to 1, as in [0.05, 0.5, 1]")
        return value
