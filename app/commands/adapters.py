"""adapters add|list|remove: fine-tunings (LoRA) of a registered model, asked for like models. An endpoint follows within a second."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, add_recipe, verb
from app.recipe import load_recipe
from app.registry.registry import Registry, open_registry
from cluster.observe.progress import SilentReporter
from cluster.stage import open_context


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "adapters", "publish, list and withdraw adapters (LoRA) of a registered model", _list)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    add = verb(actions, "add", "let a name stand for an adapter that was trained on a revision", _add)
    listed = verb(actions, "list", "list the adapters of the recipe's model", _list)
    remove = verb(actions, "remove", "withdraw an adapter", _remove)
    for parser in (add, listed, remove):
        add_recipe(parser)
    for parser in (add, remove):
        parser.add_argument("name", help="what clients send as `model`")
    add.add_argument("folder", type=Path, help="what PEFT's save_pretrained wrote")
    add.add_argument("--revision", default="production", help="what it was trained on: number or alias (default: production)")


def _registry(options: argparse.Namespace) -> Registry:
    file, recipe = load_recipe(options.recipe, options.overrides)
    return open_registry(recipe.registry, open_context(file, SilentReporter()))


def _add(options: argparse.Namespace) -> None:
    from app.registry.adapters import publish

    entry = publish(_registry(options), options.name, options.folder, options.revision)
    print(f"{entry.name} is now {entry.content[:12]} on {entry.model}@{entry.revision}")


def _list(options: argparse.Namespace) -> None:
    from app.registry.adapters import published

    registry = _registry(options)
    table = Table(box=None, header_style="dim")
    for column in ("name", "revision", "created", "content hash"):
        table.add_column(column)
    for each in published(registry.store):
        if each.model == registry.name:
            table.add_row(each.name, f"{each.model}@{each.revision}", each.created.isoformat(), each.content[:12])
    Console().print(table if table.row_count else "no adapters yet; publish one with `hanlin adapters add RECIPE NAME FOLDER`")


def _remove(options: argparse.Namespace) -> None:
    from app.registry.adapters import withdraw

    withdraw(_registry(options), options.name)
    print(f"{options.name} is withdrawn")
