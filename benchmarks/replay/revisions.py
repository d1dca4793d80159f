"""The revisions of the day, each from text to registry by the project's own stages: today's model, one that was trained for
longer, and one whose file was damaged after it had been trained.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from app.pipeline import Outcome, run_pipeline
from app.recipe import Recipe
from app.registry.registry import Registry, open_registry
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from cluster.observe.progress import Reporter
from cluster.stage import StageContext
from workloads.corpus.demo import write_demo_corpus
from workloads.evaluation.stage import evaluate_model
from workloads.serving.address import free_port

MODEL = "day"
_SEED = 1
_DAMAGES = (0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Shares of the weights that change places. A model that learned little loses little by it."""
_WORSE = 1.1
"""The damaged revision's bits per character over today's, at least: worse than releases bear, and below what a probe would find (1.5)."""
_DOCUMENTS = 600


@dataclass(frozen=True)
class Revisions:
    """What the registry knows: a number for each name."""

    registry: Registry
    numbers: dict[str, int]


def recipe_of(text: Path, steps: int, release: dict[str, object]) -> Recipe:
    serving = {"port": free_port(), "engine": "torch", "cpus_per_replica": 0.5, "threads": 1, "slots": 16, "drain_seconds": 20}
    return Recipe.model_validate(
        {
            "name": MODEL,
            "seed": _SEED,
            "corpus": {"inputs": [str(text)]},
            "tokenizer": {"vocab_size": 4000, "chat_template": "qa"},
            "tokens": {"sequence_length": 512},
            "model": {"preset": "2M"},
            "training": {"steps": steps, "global_batch": 4, "micro_batch": 4, "learning_rate": 3e-3, "evaluate_rows": 8},
            "evaluation": {"max_characters": 20_000, "baseline_characters": 100_000, "samples": 1, "sample_tokens": 8},
            "serving": serving,
            "release": release,
        }
    )


def context_in(folder: Path, recipe: Recipe, reporter: Reporter) -> StageContext:
    return StageContext(MODEL, ArtifactStore(str(folder / "runs")), reporter, _SEED, folder, recipe.to_json())


def make_revisions(folder: Path, text: Path, steps: int, reporter: Reporter) -> Revisions:
    """Needs a session. `steps`: of today's model; the better one has three times as many. What is in the folder already is not made
    again. Without `text` the project's own demo text is taken."""
    if not text.is_file():
        write_demo_corpus(folder, _SEED, _DOCUMENTS)
        text = folder / "raw"
    recipe = recipe_of(text, steps, {})
    today = run_pipeline(recipe, context_in(folder, recipe, reporter))
    longer = recipe_of(text, 3 * steps, {})
    better = run_pipeline(longer, context_in(folder, longer, reporter))
    context = context_in(folder, recipe, reporter)
    registry = open_registry(recipe.registry, context)
    damaged = registry.register(*_damaged(recipe, today, context))
    numbers = {"today": today.revision.number, "better": better.revision.number, "damaged": damaged.number}
    return Revisions(registry, numbers)


def _damaged(recipe: Recipe, today: Outcome, context: StageContext) -> tuple[Artifact, Artifact]:
    """A damaged model and its evaluation, the least damage that makes it worse enough."""
    for share in _DAMAGES:
        model = damaged_model(context.store, today.model, share)
        evaluation = evaluate_model(recipe.evaluation, model, today.corpus, context)
        worse = evaluation.manifest.metrics["bits_per_character"] / today.evaluation.manifest.metrics["bits_per_character"]
        if worse >= _WORSE:
            break
    context.reporter.note("damaged", share=share, bits_over_todays=worse)
    return model, evaluation


def damaged_model(store: ArtifactStore, model: Artifact, share: float) -> Artifact:
    """The same model with a share of every matrix's entries in another order: it loads, answers as fast, and knows less."""
    work = Work("model", {"shuffled": share}, {"model": model.fingerprint}, 1)
    if (known := store.find(work)) is not None:
        return known
    with tempfile.TemporaryDirectory() as temporary, store.draft(work) as draft:
        folder = Path(
            shutil.copytree(model.local_folder(), Path(temporary) / "model", ignore=shutil.ignore_patterns("manifest.json"))
        )
        file = folder / "model.safetensors"
        weights, order = load_file(file), torch.Generator().manual_seed(_SEED)
        for matrix in (each for each in weights.values() if each.dim() == 2):
            flat = matrix.view(-1)
            places = torch.randperm(flat.numel(), generator=order)[: int(share * flat.numel())]
            flat[places] = flat[places[torch.randperm(places.numel(), generator=order)]]
        save_file(weights, file, metadata={"format": "pt"})
        draft.upload(folder)
    return store.open("model", work.folder)
