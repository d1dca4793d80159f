"""corpus RECIPE, and corpus ACTION RECIPE: build a recipe's corpus, and ask about it. A new action: list it in `ACTIONS`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.commands import corpus_preview, corpus_train
from app.commands.arguments import Verbs, add_recipe, add_session, verb
from app.pipeline import context_of, lazy_session
from app.recipe import load_recipe
from cluster.observe.progress import open_reporter


@dataclass(frozen=True)
class Action:
    """One thing to do with a corpus; every action takes a recipe, `add_arguments` adds its own."""

    name: str
    purpose: str
    command: Callable[[argparse.Namespace], None]
    add_arguments: Callable[[argparse.ArgumentParser], None] = add_session


def _run(options: argparse.Namespace) -> None:
    from workloads.corpus.stage import build_corpus

    file, recipe = load_recipe(options.recipe, options.overrides)
    with open_reporter() as reporter, lazy_session(options.address, options.cpus, reporter) as ray_session:
        artifact = build_corpus(recipe.corpus, context_of(file, recipe, reporter, ray_session.ensure))
    print(artifact.uri)


ACTIONS: tuple[Action, ...] = (
    Action("run", "run the corpus stage of a recipe", _run),
    Action("preview", "show what each rule would drop, on a sample", corpus_preview.run, corpus_preview.add_arguments),
    Action("train-quality", "teach a quality model from good and bad documents", corpus_train.quality, corpus_train.add_piles),
    Action(
        "train-perplexity", "teach a perplexity model from reference text", corpus_train.perplexity, corpus_train.add_reference
    ),
)


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "corpus", "run the corpus stage of a recipe (corpus RECIPE), or ask about it (corpus ACTION ...)", _run)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    for action in ACTIONS:
        parser = verb(actions, action.name, action.purpose, action.command)
        add_recipe(parser)
        action.add_arguments(parser)


def with_action(arguments: Sequence[str]) -> list[str]:
    """`corpus RECIPE ...` as `corpus run RECIPE ...`; anything else as it is."""
    names = {action.name for action in ACTIONS} | {"-h", "--help"}
    if len(arguments) > 1 and arguments[0] == "corpus" and arguments[1] not in names:
        return ["corpus", "run", *arguments[1:]]
    return list(arguments)
