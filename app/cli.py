"""`hanlin ...`: every verb, nothing but parsing and printing. What the verbs do is in the modules they call."""

import argparse
import sys
from collections.abc import Callable, Sequence

from app.commands import (
    adapters,
    artifacts,
    cache,
    cluster,
    corpus,
    endpoint,
    keys,
    models,
    plan,
    project,
    recovery,
    release,
    run,
    status,
    tune,
)
from cluster.entry import exit_status

Command = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run one verb; the exit status for the shell (0 done, 1 failed, 2 the user can mend it, 130 stopped)."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parse(given)
    command: Command = options.command
    return exit_status(lambda: command(options))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What a command line asks for; exits with 2 and says why where it asks for nothing that there is."""
    return build_parser().parse_args(endpoint.with_action(plan.with_action(corpus.with_action(arguments))))


def build_parser() -> argparse.ArgumentParser:
    """Every verb with its arguments."""
    parser = argparse.ArgumentParser(
        prog="hanlin", description="From a company's own Chinese text to its own served language model."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for group in (
        project,
        run,
        status,
        plan,
        tune,
        corpus,
        artifacts,
        models,
        adapters,
        release,
        endpoint,
        keys,
        cache,
        cluster,
        recovery,
    ):
        group.add_verbs(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
