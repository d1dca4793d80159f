"""serve, chat, demo: a registered model behind HTTP; serve plan is serve_plan.py's."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from app.commands.arguments import Verbs, add_recipe, add_session, verb
from app.commands.serve_plan import add_plan
from cluster.observe.progress import open_reporter


def add_verbs(verbs: Verbs) -> None:
    group = verb(
        verbs, "serve", "serve a model over HTTP until Ctrl-C (serve RECIPE); serve plan says what a traffic needs", _serve
    )
    actions = group.add_subparsers(metavar="ACTION", required=True)
    add_plan(actions)
    parser = verb(actions, "run", "serve the production revision of a recipe's model until Ctrl-C", _serve)
    add_recipe(parser)
    add_session(parser)
    parser.add_argument("--revision", default="production", help="its number or alias (default: production)")
    parser = verb(verbs, "chat", "talk to a served model in the terminal", _chat)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the endpoint (default: http://127.0.0.1:8000)")
    parser.add_argument("--model", default="", help="a served model (default: the first)")
    parser.add_argument("--temperature", type=float, help="0 is always the likeliest token (default: the model's)")
    parser.add_argument("--max-tokens", type=int, default=0, help="longest answer (default: what the context holds)")
    parser.add_argument("--system", default="", help="a text that goes before the conversation")
    parser = verb(verbs, "demo", "make a small corpus and take it to a served model", _demo)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where all of it goes (default: demo)")
    parser.add_argument("--keep", action="store_true", help="keep the endpoint up until Ctrl-C")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="override a key of the recipe"
    )
    add_session(parser)


def with_action(arguments: Sequence[str]) -> list[str]:
    """`serve RECIPE ...` as `serve run RECIPE ...`; anything else as it is."""
    if len(arguments) > 1 and arguments[0] == "serve" and arguments[1] not in {"run", "plan", "-h", "--help"}:
        return ["serve", "run", *arguments[1:]]
    return list(arguments)


def _serve(options: argparse.Namespace) -> None:
    from app.endpoint import open_endpoint, wait_for_end
    from app.pipeline import context_of, lazy_session
    from app.recipe import load_recipe

    file, recipe = load_recipe(options.recipe, options.overrides)
    with open_reporter() as reporter, lazy_session(options.address, options.cpus, reporter) as ray_session:
        context = context_of(file, recipe, reporter, ray_session.ensure)
        with open_endpoint(recipe, context, options.revision) as endpoint:
            print(
                f"{endpoint.revision.name} at {endpoint.url} (Ctrl-C ends it); talk to it with: hanlin chat --url {endpoint.url}",
                flush=True,
            )
            wait_for_end()


def _chat(options: argparse.Namespace) -> None:
    from app.chat import ChatOptions, chat

    chat(
        options.url,
        options.model,
        ChatOptions(temperature=options.temperature, max_tokens=options.max_tokens, system=options.system),
    )


def _demo(options: argparse.Namespace) -> None:
    from app.demo import run_demo

    run_demo(
        options.folder, Console(), keep=options.keep, address=options.address, cpus=options.cpus, overrides=options.overrides
    )
