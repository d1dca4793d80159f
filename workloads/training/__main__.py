"""Train the recipe's model: `python -m workloads.training recipe.yaml [--set key=value] [--address host:port]`."""

import sys

from cluster.artifacts import Artifact
from cluster.config import RecipeFile
from cluster.entry import run_workload
from cluster.stage import StageContext
from workloads.models.spec import ModelSpec
from workloads.training.spec import TrainingSpec
from workloads.training.stage import train_model


def train(context: StageContext, recipe: RecipeFile) -> Artifact:
    """On the recipe's newest tokens and tokenizer."""
    spec, model = recipe.section("training", TrainingSpec), recipe.section("model", ModelSpec)
    tokens, tokenizer = context.store.ref(context.name, "tokens"), context.store.ref(context.name, "tokenizer")
    return train_model(spec, model, tokens, tokenizer, context)


if __name__ == "__main__":
    sys.exit(run_workload("training", "Train the recipe's model from its tokens.", train))
