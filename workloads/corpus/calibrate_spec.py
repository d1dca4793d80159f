"""The recipe's `corpus.calibrate`: thresholds that are taken from the corpus itself, source by source."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from cluster.config import Spec
from workloads.text.rules import RULE_NAMES

_PERCENT: Any = (float | None, Field(default=None, gt=0, lt=50))


class _Percents(Spec):
    def given(self) -> dict[str, float]:
        """By name, of the rules that are calibrated."""
        return {name: float(value) for name, value in self.to_json().items() if isinstance(value, int | float)}


if TYPE_CHECKING:
    Percents = _Percents
else:
    Percents = create_model("Percents", __base__=_Percents, **dict.fromkeys(RULE_NAMES, _PERCENT))


class CalibrateSpec(Spec):
    """`rules: {entropy: 1}` drops of every source about the percent of documents with the least entropy; a rule that drops
    what is too much drops those with the most. In place of the threshold in `corpus.rules`, for sources that are large
    enough."""

    rules: Percents = Field(Percents(), description="by rule, the percent of each source to drop")
    documents: int = Field(default=1000, ge=1, description="documents of a source that are measured")
    least_documents: int = Field(default=100, ge=1, description="a source with fewer keeps the thresholds of `corpus.rules`")
