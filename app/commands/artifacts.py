"""artifacts list|show|verify|gc: what stands in a store."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, verb
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ArtifactError
from cluster.garbage import garbage
from cluster.manifest import KINDS


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "artifacts", "list, show, verify and clean up artifacts", _list)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    for name, purpose, command in (
        ("list", "list every artifact of a store", _list),
        ("show", "print an artifact's manifest", _show),
        ("verify", "hash every file against the manifests", _verify),
        ("gc", "delete what no recipe and no registered model holds", _gc),
    ):
        parser = verb(actions, name, purpose, command)
        if name == "show":
            parser.add_argument("artifact", help="its name or an unambiguous beginning of it")
        parser.add_argument("--store", default="runs", help="folder or URI of the store (default: runs)")
        if name == "list":
            parser.add_argument("--kind", choices=KINDS, help="only this kind")
        if name == "gc":
            parser.add_argument("--yes", action="store_true", help="delete; without it only say what would go")


def _list(options: argparse.Namespace) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("kind", "name", "created", "files", "MB", "seconds"):
        table.add_column(column, justify="right" if column in ("files", "MB", "seconds") else "left")
    for artifact in ArtifactStore(options.store).artifacts(options.kind):
        manifest = artifact.manifest
        size = sum(file.size for file in manifest.files) / 1e6
        table.add_row(
            artifact.kind,
            artifact.location.name,
            manifest.created,
            str(len(manifest.files)),
            f"{size:.1f}",
            f"{manifest.seconds:.0f}",
        )
    Console().print(table if table.row_count else f"no artifacts in {options.store}")


def _named(store: ArtifactStore, name: str) -> Artifact:
    matches = [artifact for artifact in store.artifacts() if artifact.location.name.startswith(name)]
    exact = [artifact for artifact in matches if artifact.location.name == name]
    if len(exact or matches) != 1:
        raise ArtifactError(
            f"{len(matches)} artifacts of {store.root} begin with {name!r}", "exactly one must", "see `hanlin artifacts list`"
        )
    return (exact or matches)[0]


def _show(options: argparse.Namespace) -> None:
    artifact = _named(ArtifactStore(options.store), options.artifact)
    print(json.dumps({"uri": artifact.uri} | asdict(artifact.manifest), ensure_ascii=False, indent=1))


def _verify(options: argparse.Namespace) -> None:
    bad = 0
    for artifact in ArtifactStore(options.store).artifacts():
        try:
            artifact.verify()
        except ArtifactError as error:
            bad += 1
            print(f"{artifact}: {error}")
        else:
            print(f"{artifact}: ok")
    if bad:
        raise ArtifactError(f"{bad} artifacts differ from their manifests", "", "rebuild or restore what is named above")


def _gc(options: argparse.Namespace) -> None:
    from app.registry.adapters import held_adapters
    from app.registry.registry import registered_artifacts

    store = ArtifactStore(options.store)
    found = garbage(store, keep=registered_artifacts(store) | held_adapters(store))
    for folder in found:
        print(f"{'deleted' if options.yes else 'would delete'} {folder}")
        if options.yes:
            storage.delete_folder(folder)
    if found and not options.yes:
        print("nothing was deleted; add --yes to delete")
    if not found:
        print("nothing to delete")
