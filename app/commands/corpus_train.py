"""corpus train-quality RECIPE and corpus train-perplexity RECIPE: teach the models that a corpus' documents are filtered by."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.recipe import load_recipe
from cluster.stage import resolve_path
from workloads.corpus.learned.spec import DOCUMENTS, REFERENCE_CHARACTERS
from workloads.text.learned.evidence import Evidence
from workloads.text.learned.teach_perplexity import PERCENTILES, TaughtPerplexity


def add_piles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--good", required=True, metavar="PATH", help="documents as they should be: file, folder, glob or URI")
    parser.add_argument("--bad", required=True, metavar="PATH", help="documents as they should not be")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help=f"most of either (default: {DOCUMENTS:,})")
    _add_out(parser)


def add_reference(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reference", required=True, metavar="PATH", help="text as it should be: file, folder, glob or URI")
    parser.add_argument(
        "--characters",
        type=int,
        default=REFERENCE_CHARACTERS,
        help=f"most that are read; memory grows with them (default: {REFERENCE_CHARACTERS:,})",
    )
    _add_out(parser)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="folder that the model is written into")


def quality(options: argparse.Namespace) -> None:
    from workloads.corpus.learned.teach import teach_quality  # takes Ray along

    _, recipe = load_recipe(options.recipe, options.overrides)
    out = _absolute(options.out)
    taught = teach_quality(_absolute(options.good), _absolute(options.bad), out, options.documents, recipe.corpus)
    console = Console(highlight=False)
    if taught.in_both:
        console.print(f"{taught.in_both:,} documents stand in both piles and were taken from each")
    show_evidence(console, taught.evidence)
    console.print(f"corpus.quality: {{model: {out}, min_score: ...}}", soft_wrap=True)


def show_evidence(console: Console, evidence: Evidence) -> None:
    """The figures of the documents held out, by threshold."""
    console.print(
        f"{evidence.good:,} good and {evidence.bad:,} bad documents held out: AUC {evidence.auc:.4f}, "
        f"calibration error {evidence.calibration:.3f}"
    )
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in ("min_score", "precision", "recall", "bad kept"):
        table.add_column(name, justify="right")
    for line in evidence.lines:
        table.add_row(f"{line.threshold:g}", f"{line.precision:.3f}", f"{line.recall:.3f}", f"{line.bad_kept:.3f}")
    console.print(table)


def perplexity(options: argparse.Namespace) -> None:
    from workloads.corpus.learned.teach import teach_perplexity  # takes Ray along

    _, recipe = load_recipe(options.recipe, options.overrides)
    out = _absolute(options.out)
    taught = teach_perplexity(_absolute(options.reference), out, options.characters, recipe.corpus)
    console = Console(highlight=False)
    show_perplexity(console, taught)
    console.print(f"corpus.perplexity: {{model: {out}, max_bits: ...}}", soft_wrap=True)


def show_perplexity(console: Console, taught: TaughtPerplexity) -> None:
    """What was learned, and the bits of reference documents held out, between which thresholds are to be chosen."""
    size = taught.model.table.nbytes / 1e6
    console.print(
        f"{taught.documents:,} documents, {taught.characters:,} characters: {taught.grams:,} of {taught.counted:,} n-grams kept, "
        f"{size:.1f} MB"
    )
    found = "  ".join(f"p{percent} {bits:.2f}" for percent, bits in zip(PERCENTILES, taught.heldout, strict=True))
    console.print(f"bits per character of reference documents held out: {found}")


def _absolute(path: str) -> str:
    return resolve_path(Path.cwd(), path)
