"""init, recipe, doctor, demo-corpus: before the first run."""

import argparse
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, add_recipe, verb
from cluster.errors import RecipeError, ResourceError
from cluster.stage import RunSpec
from cluster.storage import locate, plain_errors


def add_verbs(verbs: Verbs) -> None:
    parser = verb(verbs, "init", "write a commented recipe in a new folder", _init)
    parser.add_argument("name", help="name of the folder, the run and the model")
    parser = verb(verbs, "recipe", "print a recipe with every default filled in", _recipe)
    add_recipe(parser)
    parser = verb(verbs, "doctor", "check this machine and say what to do about what is wrong", _doctor)
    parser.add_argument("--folder", type=Path, default=Path("runs"), help="where artifacts will go (default: runs)")
    parser.add_argument("--port", type=int, default=8000, help="where the endpoint will listen (default: 8000)")
    parser = verb(
        verbs,
        "demo-corpus",
        "write the demo's text: a small Chinese world with planted noise, and the truth beside it",
        _demo_corpus,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=0, help="clean documents (default: the demo's size)")


def template(name: str) -> str:
    """The commented recipe that `init` writes."""
    return (resources.files("workloads.recipes") / "template.yaml").read_text(encoding="utf-8").replace("{name}", name)


def _init(options: argparse.Namespace) -> None:
    folder = Path(options.name)
    file = folder / "recipe.yaml"
    _require_name(folder.name)
    if file.exists():
        raise RecipeError(f"{file} exists already", "init never overwrites", "choose another name or delete it")
    with plain_errors("writing", locate(str(file))):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        file.write_text(template(folder.name), encoding="utf-8")
    print(f"wrote {file}\nput your text into {folder / 'data'}, then: hanlin run {file}")


def _require_name(name: str) -> None:
    """Raises RecipeError for a name that no recipe may have."""
    try:
        RunSpec(name=name)
    except ValidationError as error:
        allowed = "up to 63 letters A-Z, digits, dots, dashes and underscores, first a letter or digit"
        raise RecipeError(f"{name!r} cannot name a run and its model", allowed, "choose another name") from error


def _recipe(options: argparse.Namespace) -> None:
    from app.recipe import load_recipe

    _, recipe = load_recipe(options.recipe, options.overrides)
    print(yaml.safe_dump(recipe.to_json(), allow_unicode=True, sort_keys=False), end="")


def _doctor(options: argparse.Namespace) -> None:
    from app.doctor import examine

    findings = examine(options.folder, options.port)
    table = Table(box=None, show_header=False)
    colours = {"ok": "green", "warning": "yellow", "problem": "red"}
    for each in findings:
        todo = f"\n→ {each.todo}" if each.todo else ""
        table.add_row(f"[{colours[each.level]}]{each.level}[/]", each.name, each.found + todo)
    Console().print(table)
    problems = [each.name for each in findings if each.level == "problem"]
    if problems:
        raise ResourceError(f"this machine is not ready: {', '.join(problems)}", "", "do what the lines with → say")


def _demo_corpus(options: argparse.Namespace) -> None:
    from app.demo import DEMO_DOCUMENTS
    from workloads.corpus.demo import write_demo_corpus

    with plain_errors("writing", locate(str(options.folder))):
        write_demo_corpus(options.folder, options.seed, options.documents or DEMO_DOCUMENTS)
    print(f"{options.folder}: raw/ (the text), truth.jsonl (what was planted), world.json (the facts)")
