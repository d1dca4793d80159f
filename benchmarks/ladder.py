"""A law of the loss against a model that it has not seen: `python benchmarks/ladder.py RECIPE` (with tokens made; see --help).

A ladder of small models is trained and fitted (`hanlin plan fit`), then a larger one is trained, and its loss held against the
law's. What is trained already is not trained again. Not for speed: benchmarks/training.py.
"""

import argparse

from app.commands.plan import count_of
from app.pipeline import context_of, lazy_session
from app.planning.show import interval, show_law
from app.recipe import load_recipe
from cluster.observe.progress import open_reporter
from workloads.training.job import TokenCounts
from workloads.training.planning.ladder import ladder_for, rung
from workloads.training.planning.measure import Evidence, measure_law, train_rung
from workloads.training.planning.shapes import of_width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 96, 128])
    parser.add_argument("--tokens", type=count_of, nargs="+", default=[50_000, 100_000, 200_000])
    parser.add_argument("--unseen-width", type=int, default=192)
    parser.add_argument("--unseen-tokens", type=count_of, nargs="+", default=[200_000])
    options = parser.parse_args()
    file, recipe = load_recipe(options.recipe)
    with open_reporter() as reporter, lazy_session("", 0, reporter) as ray_session:
        context = context_of(file, recipe, reporter, ray_session.ensure)
        tokens, tokenizer = context.store.ref(recipe.name, "tokens"), context.store.ref(recipe.name, "tokenizer")
        counts = TokenCounts.of(tokens)
        ladder = ladder_for(counts, tuple(options.widths), tuple(options.tokens))
        evidence = Evidence.of(measure_law(ladder, recipe.training, tokens, tokenizer, context))
        show_law(evidence)
        for amount in options.unseen_tokens:
            step = rung(of_width(options.unseen_width), amount, counts, recipe.training)
            point = train_rung(step, tokens, tokenizer, context).point
            foretold = evidence.law.expect(point.parameters, point.tokens)
            print(
                f"unseen: {point.parameters:,} parameters, {point.tokens:,} tokens: foretold {interval(foretold, 3)}, "
                f"measured {point.loss:.3f}, off by {point.loss / foretold.loss - 1:+.2%}"
            )


if __name__ == "__main__":
    main()
