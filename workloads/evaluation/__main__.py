"""Evaluate a recipe's newest model: `python -m workloads.evaluation recipe.yaml`."""

import sys

from cluster.artifacts import Artifact
from cluster.config import RecipeFile
from cluster.entry import run_workload
from cluster.stage import StageContext
from workloads.evaluation.spec import EvaluationSpec


def evaluate(context: StageContext, recipe: RecipeFile) -> Artifact:
    from workloads.evaluation.stage import evaluate_model

    spec = recipe.section("evaluation", EvaluationSpec)
    model, corpus = context.store.ref(context.name, "model"), context.store.ref(context.name, "corpus")
    return evaluate_model(spec, model, corpus, context)


if __name__ == "__main__":
    sys.exit(run_workload("evaluation", "Evaluate the newest model of a recipe on held-out text.", evaluate))
