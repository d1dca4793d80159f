"""The learned models that a document is measured with."""

from dataclasses import dataclass

from workloads.text.learned.perplexity import PerplexityModel
from workloads.text.learned.quality import QualityModel


@dataclass(frozen=True)
class Models:
    """None where the user has taught none."""

    quality: QualityModel | None = None
    perplexity: PerplexityModel | None = None


NOTHING_LEARNED = Models()
