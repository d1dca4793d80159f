"""serve plan RECIPE: its arguments. What it does: app/planning/serving.py, which takes heavy imports along."""

import argparse

from app.commands.arguments import Verbs, add_recipe, positive, verb
from app.commands.corpus_plan import size_of


def add_plan(actions: Verbs) -> None:
    parser = verb(actions, "plan", "replicas and machines for a traffic, from what was measured on such a machine", _plan)
    add_recipe(parser)
    parser.add_argument(
        "--measure", action="store_true", help="measure the model on this machine, in minutes, and keep the figures"
    )
    parser.add_argument("--revision", default="production", help="its number or alias (default: production)")
    parser.add_argument("--requests-per-second", type=positive, metavar="NUMBER", help="requests in the busiest second")
    parser.add_argument("--requests-per-day", type=positive, metavar="NUMBER", help="requests of a day, with --peak")
    parser.add_argument("--peak", type=positive, default=3.0, help="busiest time, in times of the day's mean (default: 3)")
    parser.add_argument("--prompt-tokens", type=_whole, default=256, metavar="NUMBER", help="of a prompt (default: 256)")
    parser.add_argument("--answer-tokens", type=_whole, default=128, metavar="NUMBER", help="of an answer (default: 128)")
    parser.add_argument("--first-token", type=positive, default=1.0, metavar="SECONDS", help="aim (default: 1)")
    parser.add_argument("--per-token", type=positive, default=0.1, metavar="SECONDS", help="aim (default: 0.1)")
    parser.add_argument(
        "--machine-cpus", type=_whole, metavar="NUMBER", help="processors of a machine (default: the measured one's)"
    )
    parser.add_argument("--machine-memory", type=size_of, metavar="SIZE", help="its memory, like 64GB (default: the same)")
    parser.add_argument("--processor", default="", metavar="NAME", help="plan for machines of another kind that was measured")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _plan(options: argparse.Namespace) -> None:
    from app.planning.serving import run_serve_plan

    print(run_serve_plan(options))


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
