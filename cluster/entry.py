"""The shell around a workload's `main()`: arguments, recipe, session, progress, and errors as one line.

`python -m workloads.NAME recipe.yaml [--set key=value] [--address host:port]`, also under `ray job submit`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from cluster.artifacts import Artifact
from cluster.config import RecipeFile, read_recipe
from cluster.errors import HanlinError
from cluster.observe import logs
from cluster.observe.progress import open_reporter
from cluster.observe.status import shared_status
from cluster.session import session
from cluster.stage import StageContext, open_context


def run_workload(
    name: str,
    purpose: str,
    body: Callable[[StageContext, RecipeFile], Artifact],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run one workload of a recipe; the exit status for the shell. Prints the artifact's URI on standard output."""
    parser = argparse.ArgumentParser(prog=f"python -m workloads.{name}", description=purpose)
    parser.add_argument("recipe", help="the recipe's YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key")
    parser.add_argument("--address", default="", help="host:port of a Ray cluster (default: RAY_ADDRESS, else a private one)")
    options = parser.parse_args(arguments)

    def run() -> None:
        recipe = read_recipe(options.recipe, options.overrides)
        with open_reporter() as reporter:
            context = open_context(recipe, reporter)
            with (
                shared_status(reporter, context.store.root, context.name) as shared,
                session(options.address),
            ):
                print(body(replace(context, reporter=shared), recipe).uri)

    return exit_status(run)


def exit_status(run: Callable[[], None]) -> int:
    """Run; on an error a user can meet, print one line and give its exit status instead of a traceback."""
    try:
        logs.start()
        run()
    except HanlinError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped: run the same command again to go on from what is committed", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    return 0
