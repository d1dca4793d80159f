"""run, tokenizer, train, evaluate, submit: do the work of a recipe, whole or one stage."""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console

from app.commands.arguments import Verbs, add_recipe, add_session, verb
from app.pipeline import Outcome, context_of, lazy_session, run_pipeline
from app.recipe import Recipe, load_recipe
from cluster.artifacts import Artifact, ArtifactStore
from cluster.config import RecipeFile
from cluster.observe.progress import Reporter, open_reporter
from cluster.observe.status import shared_status
from cluster.stage import StageContext, resolve_path

Stage = Callable[[Recipe, StageContext], Artifact]


def add_verbs(verbs: Verbs) -> None:
    parser = verb(verbs, "run", "run a recipe: every stage that is not done yet", _run)
    add_recipe(parser)
    add_session(parser)
    for name, purpose, stage in (
        ("tokenizer", "run the tokenizer stages of a recipe (train, pack)", _tokenizer),
        ("train", "run the training stage of a recipe; goes on from the newest checkpoint", _train),
        ("evaluate", "run the evaluation stage of a recipe", _evaluate),
    ):
        parser = verb(verbs, name, purpose, partial(_one_stage, stage))
        add_recipe(parser)
        add_session(parser)
        if name == "train":
            parser.add_argument(
                "--resume", action="store_true", help="refuse to start afresh: there must be a checkpoint to go on from"
            )
    parser = verb(verbs, "submit", "run a recipe on a cluster through Ray's Jobs API and follow its log", _submit)
    add_recipe(parser)
    parser.add_argument("--address", required=True, help="address of the cluster's dashboard, like http://head:8265")
    parser.add_argument("--no-wait", action="store_true", help="print the job's id and return at once")


def _run(options: argparse.Namespace) -> None:
    start = time.monotonic()
    file, recipe = load_recipe(options.recipe, options.overrides)
    with _reporter(file, recipe) as reporter, lazy_session(options.address, options.cpus, reporter) as ray_session:
        outcome = run_pipeline(recipe, context_of(file, recipe, reporter, ray_session.ensure))
        worked = ray_session.started
    _print_outcome(outcome, options.recipe, worked, time.monotonic() - start)


@contextmanager
def _reporter(file: RecipeFile, recipe: Recipe) -> Iterator[Reporter]:
    """To this terminal, and to those who ask for the status."""
    store = ArtifactStore(resolve_path(file.folder, recipe.store))
    with open_reporter() as terminal, shared_status(terminal, store.root, recipe.name) as reporter:
        yield reporter


def _print_outcome(outcome: Outcome, recipe: str, worked: bool, seconds: float) -> None:
    console = Console()
    if not worked:
        console.print(f"Nothing to do: every stage of {recipe} is done already ({seconds:.1f} s).")
        console.print(f"Revision {outcome.revision.name}; serve it with: hanlin serve {recipe}")
        return
    from app.summary import outcome_tables

    console.print(outcome_tables(outcome))
    console.print(f"Serve it with: hanlin serve {recipe}")


def _one_stage(stage: Stage, options: argparse.Namespace) -> None:
    file, recipe = load_recipe(options.recipe, options.overrides)
    with _reporter(file, recipe) as reporter, lazy_session(options.address, options.cpus, reporter) as ray_session:
        context = context_of(file, recipe, reporter, ray_session.ensure)
        if getattr(options, "resume", False):
            _require_checkpoint(recipe, context)
        artifact = stage(recipe, context)
    print(artifact.uri)


def _tokenizer(recipe: Recipe, context: StageContext) -> Artifact:
    from workloads.tokenizer.stage import pack_tokens, train_tokenizer

    corpus = context.store.ref(recipe.name, "corpus")
    return pack_tokens(recipe.tokens, corpus, train_tokenizer(recipe.tokenizer, corpus, context), context)


def _train(recipe: Recipe, context: StageContext) -> Artifact:
    from workloads.training.stage import train_model

    tokens, tokenizer = context.store.ref(recipe.name, "tokens"), context.store.ref(recipe.name, "tokenizer")
    return train_model(recipe.training, recipe.model, tokens, tokenizer, context)


def _evaluate(recipe: Recipe, context: StageContext) -> Artifact:
    from workloads.evaluation.stage import evaluate_model

    model, corpus = context.store.ref(recipe.name, "model"), context.store.ref(recipe.name, "corpus")
    return evaluate_model(recipe.evaluation, model, corpus, context)


def _require_checkpoint(recipe: Recipe, context: StageContext) -> None:
    from workloads.training.stage import require_checkpoint

    tokens, tokenizer = context.store.ref(recipe.name, "tokens"), context.store.ref(recipe.name, "tokenizer")
    require_checkpoint(recipe.training, recipe.model, tokens, tokenizer, context)


def _submit(options: argparse.Namespace) -> None:
    from app.submit import submit

    file, recipe = load_recipe(options.recipe, options.overrides)
    job = submit(file, recipe, options.address, lambda text: print(text, end="", flush=True), wait=not options.no_wait)
    print(f"job {job} {'submitted' if options.no_wait else 'succeeded'}")
