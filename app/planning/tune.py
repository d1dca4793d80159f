"""tune RECIPE: draw trials, run them (search.py), keep what came out beside the store's artifacts, and show it.

`<store>/tune/<fingerprint>/`: result.json, report.html, and the search's own state, with which a stopped one goes on.
"""

import argparse
import json
from collections.abc import Sequence

from app.pipeline import context_of, lazy_session
from app.planning.show_tune import page, show_trials
from app.recipe import Recipe, load_recipe
from cluster import storage
from cluster.artifacts import Artifact
from cluster.errors import UserError
from cluster.manifest import Json
from cluster.observe.progress import open_reporter
from cluster.stage import StageContext
from cluster.storage import Location
from workloads.training.job import Job, TokenCounts
from workloads.training.planning.trials import Trial, draw_trials, trial_rows
from workloads.training.stage import training_work

RESULT, PAGE = "result.json", "report.html"


def run_tune(options: argparse.Namespace) -> str:
    """What to print. A search that is done is shown again, not done again."""
    file, recipe = load_recipe(options.recipe, options.overrides)
    with open_reporter() as reporter, lazy_session(options.address, options.cpus, reporter) as ray_session:
        context = context_of(file, recipe, reporter, ray_session.ensure)
        folder = find_or_search(recipe, context)
    result = storage.read_bytes(folder / RESULT).decode()
    return result if options.json else f"{show_trials(json.loads(result))}\n{(folder / PAGE).uri}"


def find_or_search(recipe: Recipe, context: StageContext) -> Location:
    """The folder of this search's result: there already, or made."""
    tokens, tokenizer = context.store.ref(recipe.name, "tokens"), context.store.ref(recipe.name, "tokenizer")
    counts = TokenCounts.of(tokens)
    if not counts.rows_heldout:
        raise UserError(f"{tokens} hold no held-out rows", "a loss to compare", "set `corpus.heldout_share` above 0")
    trials = draw_trials(recipe.tune, recipe.training, counts, context.seed)
    jobs = [_job(each, recipe, tokens, tokenizer, context) for each in trials]
    name = storage.sha256_of_bytes(" ".join(job.work.fingerprint for job in jobs).encode())[:20]
    folder = context.store.root / "tune" / name
    if storage.kind_of(folder / RESULT) != "file":
        _search(recipe, trials, jobs, trial_rows(recipe.tune, recipe.training, counts), folder, context)
    return folder


def _job(trial: Trial, recipe: Recipe, tokens: Artifact, tokenizer: Artifact, context: StageContext) -> Job:
    work = training_work(trial.training, recipe.model, tokens, tokenizer, context.seed)
    run = f"{recipe.name[:58]}.tune"  # the trials' checkpoints are not the recipe's newest
    return Job(trial.training, recipe.model, context.store.uri, tokens.location.name, work, run, context.seed)


def _search(
    recipe: Recipe, trials: Sequence[Trial], jobs: Sequence[Job], rows: int, folder: Location, context: StageContext
) -> None:
    context.before_work()
    from workloads.training.planning.search import STAGE, search  # Ray Tune: not needed where the search is done

    context.reporter.start(STAGE, "trials", len(trials))
    outcomes = search(jobs, rows, recipe.tune, folder, "ray", context.reporter)
    lines: list[Json] = [
        {
            "number": trial.number,
            **{"values": dict(trial.values), "rows": outcome.rows, "of_rows": trial.rows},
            "loss": outcome.loss if outcome.finite else None,
            "looks": [list(look) for look in outcome.looks],
        }
        for trial, outcome in zip(trials, outcomes, strict=True)
    ]
    result: dict[str, Json] = {"recipe": recipe.name, "rows": rows, "seed": context.seed, "trials": lines}
    storage.write_bytes(folder / PAGE, page(result).encode())
    storage.write_bytes(folder / RESULT, (json.dumps(result, ensure_ascii=False, indent=1) + "\n").encode())
    context.reporter.finish(STAGE, "done", trials=len(trials))
