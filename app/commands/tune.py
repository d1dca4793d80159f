"""tune RECIPE: search the settings of a training by short trials. What it does: app/planning/tune.py."""

import argparse

from app.commands.arguments import Verbs, add_recipe, add_session, verb


def add_verbs(verbs: Verbs) -> None:
    parser = verb(verbs, "tune", "search learning rate, batch and other settings by short trials (the recipe's `tune`)", _tune)
    add_recipe(parser)
    add_session(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _tune(options: argparse.Namespace) -> None:
    from app.planning.tune import run_tune

    print(run_tune(options))
