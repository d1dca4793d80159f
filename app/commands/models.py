"""models list|show|promote|rollback|audit: the registry from the command line."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, add_recipe, verb
from app.recipe import load_recipe
from app.registry.record import RegistryPlace, registry_place
from cluster.artifacts import ArtifactStore
from cluster.stage import resolve_path


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


def _place(options: argparse.Namespace) -> RegistryPlace:
    file, recipe = load_recipe(options.recipe, options.overrides)
    return registry_place(recipe.registry, recipe.name, ArtifactStore(resolve_path(file.folder, recipe.store)))


def _list(options: argparse.Namespace) -> None:
    from app.registry.registry import revisions

    table = Table(box=None, header_style="dim")
    for column in ("model", "revision", "aliases", "bits/char", "created", "content hash"):
        table.add_column(column)
    for each in revisions(_place(options)):
        bits = f"{each.bits_per_character:.3f}" if each.bits_per_character is not None else "-"
        table.add_row(each.model, str(each.number), " ".join(each.aliases), bits, each.created, each.content_hash[:12])
    Console().print(table if table.row_count else "no revisions yet")


def _show(options: argparse.Namespace) -> None:
    from app.registry.registry import show

    print(json.dumps(asdict(show(_place(options), options.revision)), ensure_ascii=False, indent=1))


def _promote(options: argparse.Namespace) -> None:
    from app.registry.registry import promote

    print(f"production is now {promote(_place(options), options.revision, options.reason).label}")


def _rollback(options: argparse.Namespace) -> None:
    from app.registry.registry import rollback

    print(f"production is now {rollback(_place(options), options.reason).label}")


def _audit(options: argparse.Namespace) -> None:
    from app.registry.audit import read_audit

    for entry in read_audit(_place(options)):
        print(json.dumps(asdict(entry), ensure_ascii=False))
