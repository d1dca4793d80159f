"""corpus preview RECIPE: what each rule would drop, on a sample, before a full run. Writes nothing."""

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.recipe import load_recipe
from cluster.config import RecipeFile
from cluster.errors import InputError
from cluster.stage import resolve_path
from workloads.corpus.learned.load import load_learned
from workloads.corpus.preview import PERCENTILES, Measurement, Preview, RulePreview, WhatIf, preview
from workloads.corpus.reading.files import find_files
from workloads.corpus.sample import draw
from workloads.corpus.spec import CorpusSpec
from workloads.text.rules import RULES, Rule

_BEGINNING = 120  # characters of a sample
_PLAIN_WIDTH = 150  # columns where the output is no terminal
_SAMPLES, _SAMPLES_OF_ONE = 2, 10


def run(options: argparse.Namespace) -> None:
    file, recipe = load_recipe(options.recipe, options.overrides)
    found = _sample(file, recipe.corpus, options.documents)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    show(console, found, next((rule for rule in RULES if rule.name == options.rule), None))


def _sample(file: RecipeFile, spec: CorpusSpec, documents: int) -> Preview:
    found = find_files(tuple((each, resolve_path(file.folder, each.path)) for each in spec.inputs))
    sample = draw(found.files, documents, spec.reading.limits())
    if not sample:
        raise InputError(
            f"no document could be read from {len(found.files)} file(s)", "records with a text field", "check `corpus.inputs`"
        )
    return preview(sample, spec, load_learned(spec, lambda path: resolve_path(file.folder, path)).models)


def show(console: Console, found: Preview, only: type[Rule] | None = None) -> None:
    """All rules with a few samples each, or one rule by source with more."""
    sources = len({each.drawn.source for each in found.measured})
    console.print(
        f"{len(found.measured):,} documents of {sources} source(s) looked at, {found.kept:,} kept; duplicates are not looked for"
    )
    lines = [line for line in found.rules() if only is None or line.name == only.name]
    console.print(_rules(lines, len(found.measured)))
    if only is not None:
        console.print(_by_source(found, only))
    for rule in RULES if only is None else (only,):
        _samples(console, found, rule, _SAMPLES if only is None else _SAMPLES_OF_ONE, only is not None)


def _rules(lines: Sequence[RulePreview], documents: int) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in ("rule", "keeps", "drops", "share", "first", *(f"p{each}" for each in PERCENTILES), "looser", "stricter"):
        table.add_column(name, justify="left" if name == "rule" else "right", no_wrap=True)
    for line in lines:
        bound = "off" if line.threshold is None else f"{'≥' if line.at_least else '≤'} {line.threshold:g}"
        cells = (line.name, bound, f"{line.dropped:,}", f"{line.dropped / documents:.1%}", f"{line.first:,}")
        what_if = (_what_if(line.looser), _what_if(line.stricter))
        style = "red" if line.dropped else "dim" if line.threshold is None else ""
        table.add_row(*cells, *map(_short, line.percentiles), *what_if, style=style)
    return table


def _what_if(other: WhatIf | None) -> str:
    return f"{other.threshold:.3g}: {other.dropped:,}" if other else ""


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3f}".rstrip("0").rstrip(".")


def _by_source(found: Preview, rule: type[Rule]) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in ("source", "documents", "drops", "share", *(f"p{each}" for each in PERCENTILES)):
        table.add_column(name, justify="left" if name == "source" else "right", no_wrap=True)
    for line in found.sources(rule):
        cells = (line.source, f"{line.documents:,}", f"{line.dropped:,}", f"{line.dropped / line.documents:.1%}")
        table.add_row(*cells, *map(_short, line.percentiles), style="red" if line.dropped else "")
    return table


def _samples(console: Console, found: Preview, rule: type[Rule], most: int, nearest: bool) -> None:
    groups = [("drops", "red", found.dropped_by(rule, most))]
    if nearest:
        groups.append(("just keeps", "green", found.just_kept(rule, most // 2)))
    for title, style, samples in groups:
        if samples:
            console.print(Text(f"\n{rule.name} {title}", style=f"bold {style}"))
        for each in samples:
            console.print(_sample_line(each, rule, style), soft_wrap=True)


def _sample_line(each: Measurement, rule: type[Rule], style: str) -> Text:
    beginning = " ⏎ ".join(each.text[:_BEGINNING].split("\n"))
    value = Text(f"  {each.values[rule.name]:.3g} ", style=style)
    return value + Text(f"{each.drawn.id} {each.drawn.source} ", style="dim") + Text(beginning)
