"""plan fit RECIPE: the ladder is trained, the law fitted, and shown against the runs that it comes from."""

import argparse

from app.pipeline import context_of, lazy_session
from app.planning.show import show_law
from app.recipe import load_recipe
from cluster.observe.progress import open_reporter
from workloads.training.job import TokenCounts
from workloads.training.planning.ladder import ladder_for, rungs
from workloads.training.planning.measure import Evidence, measure_law


def run_fit(options: argparse.Namespace) -> str:
    """The URI of the law."""
    file, recipe = load_recipe(options.recipe, options.overrides)
    with open_reporter() as reporter, lazy_session(options.address, options.cpus, reporter) as ray_session:
        context = context_of(file, recipe, reporter, ray_session.ensure)
        tokens, tokenizer = context.store.ref(recipe.name, "tokens"), context.store.ref(recipe.name, "tokenizer")
        counts = TokenCounts.of(tokens)
        ladder = ladder_for(counts, options.widths, options.ladder_tokens)
        steps = list(rungs(ladder, counts, recipe.training))
        flops = sum(
            (each.training.steps or 0)
            * each.training.global_batch
            * counts.sequence_length
            * each.cost.training_flops_per_token
            for each in steps
        )
        reporter.note("ladder", runs=len(steps), flops=flops)
        law = measure_law(ladder, recipe.training, tokens, tokenizer, context)
    show_law(Evidence.of(law))
    return law.uri
