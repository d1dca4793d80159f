"""corpus remove RECIPE --ids FILE|ID,...: take documents down from the recipe's newest corpus."""

import argparse

from app.pipeline import context_of
from app.recipe import load_recipe
from cluster.observe.progress import open_reporter

_SHOWN = 20


def add_ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ids", required=True, metavar="FILE|ID,...", help="document ids: a file with one a line, or written out"
    )


def remove(options: argparse.Namespace) -> None:
    from workloads.corpus.removal import read_ids, remove_documents

    file, recipe = load_recipe(options.recipe, options.overrides)
    identities = read_ids(options.ids)
    with open_reporter() as reporter:
        context = context_of(file, recipe, reporter, lambda: None)
        before = context.store.ref(context.name, "corpus")
        removal = remove_documents(before, identities, context)
    print(f"{len(removal.removed)} documents taken down; {before.uri} still holds them until it is deleted")
    for identity in removal.unknown:
        print(f"not in this corpus: {identity}")
    for each in removal.orphans[:_SHOWN]:
        print(
            f"dropped before in favour of {each.matched_id}: {each.id} ({each.file} : {each.position}, {each.rule} {each.value:.3g})"
        )
    if len(removal.orphans) > _SHOWN:
        print(f"and {len(removal.orphans) - _SHOWN} more copies, all in {removal.artifact.uri}/removed.json")
    print("list the ids in a file and name it in `corpus.removed`, or the recipe's next run has the documents again")
    print(removal.artifact.uri)
