"""The demo: a made-up Chinese world goes from raw text to a served model, and three questions are asked over HTTP."""

import shutil
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from pyarrow import parquet
from rich.console import Console, RenderableType

from app.endpoint import Endpoint, open_endpoint, wait_for_end
from app.pipeline import Outcome, context_of, lazy_session, run_pipeline
from app.recipe import load_recipe
from cluster.artifacts import Artifact
from cluster.observe.progress import Reporter, open_reporter
from cluster.storage import locate, plain_errors

DEMO_DOCUMENTS = 12_000
_SEED = 1


def run_demo(folder: Path, console: Console, keep: bool, address: str, cpus: int, overrides: Sequence[str]) -> None:
    """Everything below `folder`: raw text, recipe, artifacts. A second run only serves and asks."""
    from app.summary import outcome_tables

    start = time.monotonic()
    with plain_errors("writing", locate(str(folder))):
        recipe_path = _prepare(folder)
    file, recipe = load_recipe(str(recipe_path), overrides)
    with open_reporter() as reporter, lazy_session(address, cpus, reporter) as ray_session:
        _write_corpus(folder, reporter)
        context = context_of(file, recipe, reporter, ray_session.ensure)
        outcome = run_pipeline(recipe, context)
        console.print(outcome_tables(outcome), _found(folder, outcome.corpus))
        with open_endpoint(recipe, context, str(outcome.revision.number)) as endpoint:
            _ask_all(folder, endpoint, console)
            console.print(f"\nThe whole demo took {time.monotonic() - start:.0f} s.")
            _next_commands(console, recipe_path, outcome, endpoint, keep)
            if keep:
                wait_for_end()


def _prepare(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "recipe.yaml"
    if not target.exists():
        with resources.as_file(resources.files("workloads.recipes") / "demo.yaml") as source:
            shutil.copyfile(source, target)
    return target


def _write_corpus(folder: Path, reporter: Reporter) -> None:
    from workloads.corpus.demo import write_demo_corpus

    reporter.start("demo text", "documents")
    with plain_errors("writing", locate(str(folder))):
        write_demo_corpus(folder, _SEED, DEMO_DOCUMENTS)
    reporter.finish("demo text", "done", folder=str(folder / "raw"))


def _found(folder: Path, corpus: Artifact) -> RenderableType:
    """What the corpus stage found of what was planted."""
    from app.summary import demo_score_table
    from workloads.corpus.demo import score_demo

    here = corpus.local_folder(verify=False)
    decisions, documents = (parquet.read_table(here / name) for name in ("decisions", "documents"))
    return demo_score_table(score_demo(folder / "truth.jsonl", decisions, documents))


def _ask_all(folder: Path, endpoint: Endpoint, console: Console) -> None:
    from app.chat import ChatOptions, ask
    from workloads.corpus.demo import demo_prompts

    options = ChatOptions(temperature=0, max_tokens=64)
    for prompt in demo_prompts(folder):
        console.print(f"\n[bold]问：{prompt.question}[/]\n答：", end="", highlight=False)
        for text in ask(endpoint.url, endpoint.revision.model, [{"role": "user", "content": prompt.question}], options):
            console.print(text, end="", markup=False, highlight=False)
        console.print(f"   [dim](the world says: {prompt.answer})[/]", highlight=False)


def _next_commands(console: Console, recipe: Path, outcome: Outcome, endpoint: Endpoint, keep: bool) -> None:
    rows = [
        ("open the corpus report", f"{outcome.corpus.location.path}/report.html"),
        ("open the model's report", f"{outcome.evaluation.location.path}/report.html"),
        ("keep serving", f"hanlin serve {recipe}"),
        ("talk to it", f"hanlin chat --url {endpoint.url}"),
        ("run on my own text", "hanlin init my-lm, put text into my-lm/data, then hanlin run my-lm/recipe.yaml"),
    ]
    console.print("\n[bold]Next[/]  (the command is .venv/bin/hanlin)")
    for purpose, command in rows:
        console.print(f"  {purpose:<24} {command}", highlight=False, soft_wrap=True)
    if keep:
        console.print(f"\nServing {endpoint.revision.name} at {endpoint.url} until Ctrl-C.")
