"""backup, restore: the registry, its log, what is released, API keys, recipes and artifacts, to another place and back."""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

from app.commands.arguments import Verbs, verb
from app.gateway.limits.keystore import keys_of
from app.gateway.settings import keys_uri
from app.recipe import load_recipe
from app.registry.spec import RegistrySpec
from cluster.artifacts import ArtifactStore
from cluster.errors import RecipeError
from cluster.observe.progress import SilentReporter
from cluster.stage import open_context, resolve_path


def add_verbs(verbs: Verbs) -> None:
    parser = verb(
        verbs, "backup", "save the registry, its audit log, what is released, API keys, recipes and artifacts", _backup
    )
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
    parser.add_argument("--replace", action="store_true", help="put a registry, or API keys, that are there already aside")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", default="runs", help="folder or URI of the store (default: runs)")
    parser.add_argument(
        "--recipe",
        action="append",
        default=[],
        metavar="FILE",
        help="a recipe: its store and its registry; several of one store",
    )


class _Place(NamedTuple):
    """A store, the tracking URI of its registry, and the URI of its API keys."""

    store: ArtifactStore
    tracking: str
    keys: str


def _place(options: argparse.Namespace) -> _Place:
    """What the recipes name, or the store alone. Raises RecipeError for recipes of different places."""
    places = []
    for path in options.recipe:
        file, recipe = load_recipe(path)
        context = open_context(file, SilentReporter())
        tracking = recipe.registry.resolve(context.store, file.folder)
        places.append(_Place(context.store, tracking, keys_uri(recipe.serving, context)))
    if not places:
        store = ArtifactStore(resolve_path(Path.cwd(), options.store))
        return _Place(store, RegistrySpec().resolve(store, Path.cwd()), keys_of(store))
    if len({(place.store.uri, place.tracking, place.keys) for place in places}) > 1:
        raise RecipeError("these recipes have different stores, registries or API keys", "one per backup", "call once for each")
    return places[0]


def _backup(options: argparse.Namespace) -> None:
    from app.backup.api_keys import keys_in
    from app.backup.make import Source, make_backup

    start = time.monotonic()
    place = _place(options)
    recipes = tuple(Path(path) for path in options.recipe)
    backup = make_backup(Source(place.store, place.tracking, recipes, place.keys), _uri(options.to), options.artifacts)
    held = backup.contents.artifacts
    where = "copied" if options.artifacts == "copy" else "by reference"
    size = sum(each.bytes for each in held) / 1e6
    print(f"{backup.location}\n{len(backup.contents.files)} files; {len(held)} artifacts {where} ({size:.1f} MB)", end="; ")
    print(f"{backup.contents.audit_entries} audit entries; {keys_in(backup)} API keys; {time.monotonic() - start:.1f} s")


def _restore(options: argparse.Namespace) -> None:
    from app.backup.api_keys import keys_in
    from app.backup.contents import open_backup
    from app.backup.restore import Target, recipes_of, restore_backup

    start = time.monotonic()
    place = _place(options)
    backup = open_backup(_uri(options.source))
    print(f"backup of {backup.contents.created}: {backup.location}")
    for registry in restore_backup(backup, Target(place.store, place.tracking, options.replace, place.keys)):
        aliases = backup.contents.aliases[registry.name]
        released = ", ".join(f"{alias} {number}" for alias, number in sorted(aliases.items())) or "no alias"
        print(f"{registry.name}: {len(registry.revisions())} revisions ({released})")
    if keys := keys_in(backup):
        print(f"{keys} API keys, as they were then: a key that was withdrawn since is good again; see `hanlin keys list`")
    print(f"restored into {place.store.root} in {time.monotonic() - start:.1f} s; recipes:", *recipes_of(backup), sep="\n  ")


def _uri(given: str) -> str:
    return resolve_path(Path.cwd(), given)
