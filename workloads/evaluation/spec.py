"""What a recipe may say about evaluation."""

from pydantic import Field, model_validator

from cluster.config import Spec
from cluster.manifest import Json

_HOW_NOT_WHAT = {"batch", "cpus", "gpus"}  # these change the time it takes and not the result


class EvaluationSpec(Spec):
    """Held-out scoring, baselines and samples."""

    max_documents: int = Field(1000, ge=1, description="held-out documents scored at most, first by id")
    max_characters: int = Field(
        200_000, ge=1, description="held-out characters scored at most; one document has at most 1/20 of it"
    )
    context: int = Field(0, ge=0, description="tokens a prediction may look back on; 0: the model's own context length")
    stride: int = Field(
        0, ge=0, description="tokens newly scored in each further window of a long document; 0: half the context"
    )
    batch: int = Field(16, ge=1, le=4096, description="windows in one forward pass at most")
    baseline_characters: int = Field(
        3_000_000, ge=1000, description="training characters that the character n-gram baselines learn from"
    )
    baseline_order: int = Field(5, ge=2, le=9, description="length of the longest n-gram baseline, in characters")
    resamples: int = Field(1000, ge=100, le=100_000, description="bootstrap resamples behind each 95 % interval")
    prompts: tuple[str, ...] = Field((), description="texts to continue; none: the beginnings of held-out documents")
    samples: int = Field(6, ge=0, le=100, description="held-out beginnings to continue where no prompts are given")
    sample_tokens: int = Field(128, ge=1, le=8192, description="tokens written for each sample at most")
    temperature: float = Field(0.8, ge=0, le=5, description="sampling temperature; 0: always the likeliest token")
    cpus: int = Field(0, ge=0, description="processors to use; 0: what the session has, at most 8")
    gpus: int = Field(0, ge=0, le=1, description="accelerators to use")

    @model_validator(mode="after")
    def _stride_within_context(self) -> "EvaluationSpec":
        if self.context == 1 or (self.context and self.stride > self.context):
            raise ValueError("context must be 0 or at least 2, and stride at most context")
        return self

    def identity(self, seed: int) -> dict[str, Json]:
        """What of the spec decides the result, for the fingerprint."""
        return {key: value for key, value in self.to_json().items() if key not in _HOW_NOT_WHAT} | {"seed": seed}
