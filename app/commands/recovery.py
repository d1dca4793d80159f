"""backup, restore: the registry, its log, what is released, recipes and artifacts, to another place and back."""

import argparse
import time
from pathlib import Path

from app.commands.arguments import Verbs, verb
from app.recipe import load_recipe
from app.registry.spec import RegistrySpec
from cluster.artifacts import ArtifactStore
from cluster.errors import RecipeError
from cluster.stage import resolve_path


def add_verbs(verbs: Verbs) -> None:
    parser = verb(verbs, "backup", "save the registry, its audit log, what is released, recipes and artifacts", _backup)
    parser.add_argument("to", metavar="TO", help="folder or URI; every backup is a new folder there, named by its time")
    _add_place(parser)
    parser.add_argument(
        "--artifacts",
        choices=("reference", "copy"),
        default="reference",
        help="note where they are with their hashes, or copy them (default: reference)",
    )
    parser = verb(verbs, "restore", "bring a backup back; every hash is verified before anything is written", _restore)
    parser.add_argument("source", metavar="FROM", help="a backup, or the folder that holds them: then the newest")
    _add_place(parser)
    parser.add_argument("--replace", action="store_true", help="put a registry that is there already aside")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", default="runs", help="folder or URI of the store (default: runs)")
    parser.add_argument(
        "--recipe",
        action="append",
        default=[],
        metavar="FILE",
        help="a recipe: its store and its registry; several of one store",
    )


def _place(options: argparse.Namespace) -> tuple[ArtifactStore, str]:
    """The store and the tracking URI of its registry. Raises RecipeError for recipes of different ones."""
    places = []
    for path in options.recipe:
        file, recipe = load_recipe(path)
        store = ArtifactStore(resolve_path(file.folder, recipe.store))
        places.append((store, recipe.registry.resolve(store, file.folder)))
    if not places:
        store = ArtifactStore(resolve_path(Path.cwd(), options.store))
        return store, RegistrySpec().resolve(store, Path.cwd())
    if len({(store.uri, tracking) for store, tracking in places}) > 1:
        raise RecipeError("these recipes have different stores or registries", "one per backup", "call once for each")
    return places[0]


def _backup(options: argparse.Namespace) -> None:
    from app.backup.make import Source, make_backup

    start = time.monotonic()
    store, tracking = _place(options)
    recipes = tuple(Path(path) for path in options.recipe)
    backup = make_backup(Source(store, tracking, recipes), _uri(options.to), options.artifacts)
    held = backup.contents.artifacts
    where = "copied" if options.artifacts == "copy" else "by reference"
    size = sum(each.bytes for each in held) / 1e6
    print(f"{backup.location}\n{len(backup.contents.files)} files; {len(held)} artifacts {where} ({size:.1f} MB)", end="; ")
    print(f"{backup.contents.audit_entries} audit entries; {time.monotonic() - start:.1f} s")


def _restore(options: argparse.Namespace) -> None:
    from app.backup.contents import open_backup
    from app.backup.restore import Target, recipes_of, restore_backup

    start = time.monotonic()
    store, tracking = _place(options)
    backup = open_backup(_uri(options.source))
    print(f"backup of {backup.contents.created}: {backup.location}")
    for registry in restore_backup(backup, Target(store, tracking, options.replace)):
        aliases = backup.contents.aliases[registry.name]
        released = ", ".join(f"{alias} {number}" for alias, number in sorted(aliases.items())) or "no alias"
        print(f"{registry.name}: {len(registry.revisions())} revisions ({released})")
    print(f"restored into {store.root} in {time.monotonic() - start:.1f} s; recipes:", *recipes_of(backup), sep="\n  ")


def _uri(given: str) -> str:
    return resolve_path(Path.cwd(), given)
