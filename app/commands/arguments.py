"""Arguments that several verbs share."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Verbs = argparse._SubParsersAction


def verb(verbs: Verbs, name: str, purpose: str, command: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    """Add a verb; `command` is called with the parsed arguments."""
    parser = verbs.add_parser(name, help=purpose, description=purpose[:1].upper() + purpose[1:] + ".")
    parser.set_defaults(command=command)
    return parser


def add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="the recipe's YAML file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a key, like training.learning_rate=3e-4",
    )


def add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address", default="", help="host:port of a Ray cluster (default: RAY_ADDRESS, else a private session)"
    )
    parser.add_argument("--cpus", type=int, default=0, help="processors of a private session (default: all)")


def positive(text: str) -> float:
    """A number above 0. Raises argparse.ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value
