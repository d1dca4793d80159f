"""The `training.growth` section of a recipe: what begins small. Pure; what a step owns then is step_plan.py, how rows are cut pieces.py."""

import math

from pydantic import Field, model_validator

from cluster.config import Spec


class GrowthSpec(Spec):
    """Small steps first (Brown et al. 2020, table 2.1), and short sequences first (Li et al., arXiv 2108.06084): each where both of its
    fields are given. Neither leaves a token out."""

    first_batch: int | None = Field(None, ge=1, description="rows of the first step; they grow evenly to global_batch")
    batch_steps: int = Field(0, ge=0, description="steps until a step has global_batch rows")
    first_length: int | None = Field(
        None, ge=8, description="tokens of the sequences that rows are cut into at first; they double until rows are whole"
    )
    length_steps: int = Field(0, ge=0, description="steps until rows are whole")

    def length(self, step: int, whole: int) -> int:
        """Tokens of a sequence in a step, of rows of `whole` tokens. Few lengths, each for as many steps: a compiled model is
        compiled once for each."""
        if self.first_length is None or self.first_length >= whole or step >= self.length_steps:
            return whole
        doublings = math.ceil(math.log2(whole / self.first_length))
        return self.first_length << (step * doublings // self.length_steps)

    @model_validator(mode="after")
    def _both_or_none(self) -> "GrowthSpec":
        for first, steps, name in (
            (self.first_batch, self.batch_steps, "batch"),
            (self.first_length, self.length_steps, "length"),
        ):
            if (first is None) != (steps == 0):
                raise ValueError(f"first_{name} {first} with {name}_steps {steps}: give both, or neither")
        return self
