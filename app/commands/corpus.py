"""corpus RECIPE, and corpus ACTION RECIPE: build a recipe's corpus, and ask about it. A new action: list it in `ACTIONS`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.commands import corpus_plan, corpus_train
from app.commands.arguments import Verbs, add_recipe, add_session, verb
from app.commands.corpus_remove import add_ids, remove
from app.pipeline import context_of, lazy_session
from app.recipe import load_recipe
from cluster.observe.progress import SilentReporter, open_reporter
from cluster.stage import open_context
from workloads.text.rules import RULE_NAMES

_SAMPLE = 1000  # documents


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


def _preview(options: argparse.Namespace) -> None:
    from app.commands.corpus_preview import run

    run(options)


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--documents", type=int, default=_SAMPLE, help=f"size of the sample (default: {_SAMPLE})")
    parser.add_argument("--rule", choices=RULE_NAMES, metavar="NAME", help="one rule: by source, and more samples")


def _why(options: argparse.Namespace) -> None:
    from workloads.corpus.why import answer
    from workloads.corpus.why_text import to_text

    file, recipe = load_recipe(options.recipe, options.overrides)
    artifact = open_context(file, SilentReporter()).store.ref(recipe.name, "corpus")
    print(to_text(answer(artifact, options.documents)))


def _add_documents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("documents", nargs="+", metavar="ID", help="a document's id, or FILE:POSITION")


ACTIONS: tuple[Action, ...] = (
    Action("run", "run the corpus stage of a recipe", _run),
    Action("preview", "show what each rule would drop, on a sample", _preview, _add_sample),
    Action("plan", "machines, hours and disk for all the input, from a part of it", corpus_plan.run, corpus_plan.add_arguments),
    Action("train-quality", "teach a quality model from good and bad documents", corpus_train.quality, corpus_train.add_piles),
    Action(
        "train-perplexity", "teach a perplexity model from reference text", corpus_train.perplexity, corpus_train.add_reference
    ),
    Action(
        "why", "say of documents, from the recipe's newest corpus, why they were kept, changed or dropped", _why, _add_documents
    ),
    Action("remove", "take documents down from the newest corpus of a recipe", remove, add_ids),
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
