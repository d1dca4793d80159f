"""Build the corpus of a recipe: `python -m workloads.corpus recipe.yaml [--set corpus.rules.length=50] [--address host:port]`."""

import sys

from cluster.artifacts import Artifact
from cluster.config import RecipeFile
from cluster.entry import run_workload
from cluster.stage import StageContext
from workloads.corpus.spec import CorpusSpec


def body(context: StageContext, recipe: RecipeFile) -> Artifact:
    from workloads.corpus.stage import build_corpus

    return build_corpus(recipe.section("corpus", CorpusSpec), context)


if __name__ == "__main__":
    sys.exit(run_workload("corpus", "Build the corpus of a recipe.", body))
