"""models list|show|promote|rollback|audit: the registry from the command line."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, add_recipe, verb
from app.recipe import load_recipe
from app.registry.registry import Registry, open_registry
from cluster.observe.progress import SilentReporter
from cluster.stage import open_context


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "models", "list, show, promote and roll back registered models", _list)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    for name, purpose, command in (
        ("list", "list the revisions of the recipe's model", _list),
        ("show", "print a revision: hash, lineage, evaluation", _show),
        ("promote", "make a revision the production one", _promote),
        ("rollback", "make the production revision before this one the production one again", _rollback),
        ("audit", "print and check the log of every change", _audit),
    ):
        parser = verb(actions, name, purpose, command)
        add_recipe(parser)
        if name in ("show", "promote"):
            parser.add_argument("revision", help="its number, or the alias production or candidate")
        if name in ("promote", "rollback"):
            parser.add_argument("--reason", default="", help="kept in the audit log")


def _registry(options: argparse.Namespace) -> Registry:
    file, recipe = load_recipe(options.recipe, options.overrides)
    return open_registry(recipe.registry, open_context(file, SilentReporter()))


def _list(options: argparse.Namespace) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("revision", "aliases", "bits/char", "created", "content hash"):
        table.add_column(column)
    for each in _registry(options).revisions():
        bits = each.metrics.get("bits_per_character")
        shown = "-" if bits is None else f"{bits:.3f}"
        table.add_row(each.name, " ".join(each.aliases), shown, each.created, each.content_hash[:12])
    Console().print(table if table.row_count else "no revisions yet; `hanlin run` registers one")


def _show(options: argparse.Namespace) -> None:
    print(json.dumps(asdict(_registry(options).show(options.revision)), ensure_ascii=False, indent=1))


def _promote(options: argparse.Namespace) -> None:
    print(f"production is now {_registry(options).promote(options.revision, options.reason).name}")


def _rollback(options: argparse.Namespace) -> None:
    print(f"production is now {_registry(options).rollback(options.reason).name}")


def _audit(options: argparse.Namespace) -> None:
    registry = _registry(options)
    for entry in registry.audit.entries(registry.name):
        print(json.dumps(asdict(entry), ensure_ascii=False))
    print(f"{registry.verify_audit()} entries, unchanged")
