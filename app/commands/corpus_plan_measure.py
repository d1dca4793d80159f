"""corpus plan RECIPE: what the corpus of all the input will take in machines, hours and disk, from a part of it. Writes nothing."""

import argparse

from app.commands.corpus_plan_show import open_console, show_assumed, show_input, show_machines, show_runs, show_work
from app.recipe import load_recipe
from cluster.config import RecipeFile
from cluster.errors import InputError
from cluster.stage import resolve_path
from workloads.corpus.clean import Cleaning
from workloads.corpus.costs import documents_in, measure
from workloads.corpus.decontamination.hits import open_decontaminator
from workloads.corpus.decontamination.items import find_sets
from workloads.corpus.estimate import Costs, estimate
from workloads.corpus.learned.load import load_learned
from workloads.corpus.limits import Input, largest_run, spread
from workloads.corpus.reading.files import Found, find_files
from workloads.corpus.sampled import read_sample
from workloads.corpus.spec import CorpusSpec
from workloads.corpus.words import load_lexicon


def run_plan(options: argparse.Namespace) -> None:
    file, recipe = load_recipe(options.recipe, options.overrides)
    spec = recipe.corpus
    found = find_files(tuple((each, resolve_path(file.folder, each.path)) for each in spec.inputs))
    costs = _measure(file, spec, found, int(options.sample))
    raw = options.bytes or float(found.bytes)
    given = _input(found, spec, raw)
    one_run = largest_run(costs, given, raw, options.driver_memory)
    console = open_console()
    whole = estimate(costs, raw, 4 if recipe.tokenizer.vocab_size > 1 << 16 else 2)
    part = spread(estimate(costs, one_run), costs.memory_factor, given)
    show_input(console, found, costs, whole)
    show_work(console, whole)
    show_machines(console, whole, part, options.machine_cpus, options.hours, one_run / raw)
    show_runs(console, raw, one_run, spread(whole, costs.memory_factor, given), part, options.driver_memory)
    show_assumed(console, costs, spec)


def _measure(file: RecipeFile, spec: CorpusSpec, found: Found, budget: int) -> Costs:
    def resolve(path: str) -> str:
        return resolve_path(file.folder, path)

    sampled = read_sample(found.files, spec.reading.limits(), budget)
    if not documents_in(sampled):
        raise InputError(
            f"no document could be read from {len(found.files)} file(s)", "records with a text field", "check `corpus.inputs`"
        )
    sets = find_sets([(each, resolve(each.path)) for each in spec.decontamination.sets])
    decontaminator = open_decontaminator(sets, spec.decontamination)
    models, lexicon = load_learned(spec, resolve).models, load_lexicon(spec.lexicon, resolve)
    return measure(sampled, Cleaning(spec, lexicon=lexicon, decontaminator=decontaminator, models=models))


def _input(found: Found, spec: CorpusSpec, raw: float) -> Input:
    """More input is taken to come in more files of the same size."""
    packed = any(each.compression for each in found.files)
    return Input(min(found.bytes / len(found.files), raw), packed, spec.split_bytes)
