"""plan RECIPE, and plan fit RECIPE: what a training will take and give; teach the plan this text. What they do: app/planning/."""

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from app.commands.arguments import Verbs, add_recipe, add_session, positive, verb
from app.commands.corpus_plan import size_of

_COUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmbt]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_ACTIONS = ("budget", "fit")


def add_verbs(verbs: Verbs) -> None:
    group = verb(
        verbs, "plan", "model, tokens, hours, cost and loss for a budget (plan RECIPE); plan fit makes it exact", _budget
    )
    actions = group.add_subparsers(metavar="ACTION", required=True)
    parser = verb(actions, "budget", "what the recipe's training takes and gives, and the best for a budget", _budget)
    add_recipe(parser)
    _add_budget(parser)
    parser = verb(actions, "fit", "train a ladder of small models on the recipe's tokens and fit the law of the loss", _fit)
    add_recipe(parser)
    add_session(parser)
    parser.add_argument("--widths", type=_whole_numbers, default=(), metavar="N,N,...", help="widths of the small models")
    parser.add_argument(
        "--ladder-tokens",
        type=_counts,
        default=(),
        metavar="N,N,...",
        help="tokens that each is trained on, like 100k,200k,400k",
    )


def with_action(arguments: Sequence[str]) -> list[str]:
    """`plan RECIPE ...` as `plan budget RECIPE ...`; anything else as it is."""
    if len(arguments) > 1 and arguments[0] == "plan" and arguments[1] not in {*_ACTIONS, "-h", "--help"}:
        return ["plan", "budget", *arguments[1:]]
    return list(arguments)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpu-hours", type=positive, metavar="HOURS", help="hours of one GPU, together")
    parser.add_argument("--hours", type=positive, help="time that it may take, on this machine or on --machines with --gpu")
    parser.add_argument(
        "--by", type=_hours_until, metavar="DATE", help="when it must be done, like 2030-01-31 or 2030-01-31T18:00"
    )
    parser.add_argument(
        "--serving-memory", type=size_of, metavar="SIZE", help="memory of the machine that will serve it, like 8GB"
    )
    parser.add_argument(
        "--tokens", type=count_of, metavar="NUMBER", help="plan for so much text, like 1B (default: the recipe's tokens)"
    )
    parser.add_argument("--gpu", default="", metavar="NAME", help="train on GPUs of this kind, like H100")
    parser.add_argument("--mfu", type=_share, help="share of the GPU's peak that training reaches (default: 0.4)")
    parser.add_argument("--machines", type=int, metavar="NUMBER", help="GPUs, or machines like this one, side by side")
    parser.add_argument("--price", type=positive, metavar="PER_HOUR", help="price of a machine (or GPU) and hour")
    parser.add_argument("--epochs", type=positive, default=4.0, help="most passes over the text (default: 4)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _budget(options: argparse.Namespace) -> None:
    from app.planning.budget import run_budget

    print(run_budget(options))


def _fit(options: argparse.Namespace) -> None:
    from app.planning.fit import run_fit

    print(run_fit(options))


def count_of(text: str) -> int:
    """`1B`, `600M`, `20k` or `1234`. Raises argparse.ArgumentTypeError."""
    found = _COUNT.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tokens; write it like 600M or 1.5B")
    return round(float(found[1]) * _UNITS[found[2].lower()])


def _counts(text: str) -> tuple[int, ...]:
    return tuple(count_of(each) for each in text.split(","))


def _whole_numbers(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(each.strip().isdecimal() for each in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers; write it like 64,96,128")
    return tuple(int(each) for each in parts)


def _share(text: str) -> float:
    if (value := positive(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1")
    return value


def _hours_until(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it like 2030-01-31 or 2030-01-31T18:00") from error
    local = when.astimezone()
    hours = (local - datetime.now(UTC)).total_seconds() / 3600
    if hours <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is past")
    return hours
