"""The models that a recipe names, and their fingerprints, on which the corpus depends."""

from collections.abc import Callable
from dataclasses import dataclass

from cluster import storage
from workloads.corpus.learned.folder import load_perplexity, load_quality
from workloads.corpus.spec import CorpusSpec
from workloads.text.learned import Models, PerplexityModel, QualityModel


@dataclass(frozen=True)
class Learned:
    """`fingerprints` by name: quality, perplexity; of the models that there are."""

    models: Models
    fingerprints: dict[str, str]


def load_learned(spec: CorpusSpec, resolve: Callable[[str], str]) -> Learned:
    """Read what the recipe names. Raises InputError where a model is missing or damaged."""
    quality: QualityModel | None = None
    perplexity: PerplexityModel | None = None
    fingerprints = {}
    if spec.quality:
        quality, fingerprints["quality"] = load_quality(storage.locate(resolve(spec.quality.model)))
    if spec.perplexity:
        perplexity, fingerprints["perplexity"] = load_perplexity(storage.locate(resolve(spec.perplexity.model)))
    return Learned(Models(quality, perplexity), fingerprints)
