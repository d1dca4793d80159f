"""Train the tokenizer of a recipe and pack its corpus: `python -m workloads.tokenizer recipe.yaml [--set key=value]`."""

import sys

from cluster.artifacts import Artifact
from cluster.config import RecipeFile
from cluster.entry import run_workload
from cluster.stage import StageContext
from workloads.tokenizer.spec import TokenizerSpec, TokensSpec
from workloads.tokenizer.stage import pack_tokens, train_tokenizer


def body(context: StageContext, recipe: RecipeFile) -> Artifact:
    """Both stages on the recipe's newest corpus."""
    tokenizer_spec, tokens_spec = recipe.section("tokenizer", TokenizerSpec), recipe.section("tokens", TokensSpec)
    corpus = context.store.ref(context.name, "corpus")
    tokenizer = train_tokenizer(tokenizer_spec, corpus, context)
    return pack_tokens(tokens_spec, corpus, tokenizer, context)


if __name__ == "__main__":
    sys.exit(run_workload("tokenizer", "Train a tokenizer on a corpus and pack the corpus into token rows.", body))
