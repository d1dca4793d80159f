"""Measures of a text that the user teaches with texts of their own: how good it is, and how surprising."""

from workloads.text.learned.models import NOTHING_LEARNED, Models
from workloads.text.learned.perplexity import PerplexityModel
from workloads.text.learned.quality import QualityModel

__all__ = ["NOTHING_LEARNED", "Models", "PerplexityModel", "QualityModel"]
