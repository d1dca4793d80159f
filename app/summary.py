"""What a run made, as tables for a terminal: from the artifacts alone, so that it can be shown again at any time."""

import json
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.pipeline import Outcome
from cluster.artifacts import Artifact
from workloads.corpus.demo import DemoScore

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 48


def outcome_tables(outcome: Outcome) -> RenderableType:
    """Waterfall, tokenizer, loss curve, bits per character beside the baselines, seconds per stage, the revision."""
    return Group(
        Text(),
        _panel("corpus: what was read and what was kept", _waterfall(outcome.corpus)),
        _panel("model", _model(outcome)),
        _panel("held-out text: bits per character (fewer is better)", _scores(outcome.evaluation)),
        _panel("seconds per stage", _seconds(outcome)),
        Text(f"registered: {outcome.revision.name}   content hash {outcome.revision.content_hash[:20]}", style="bold"),
    )


def demo_score_table(score: DemoScore) -> RenderableType:
    """What of the planted noise was found."""
    table = Table(box=None, header_style="dim")
    for column in ("planted", "", "recall", "precision"):
        table.add_column(column, justify="left" if column == "planted" else "right")
    for kind, each in score.kinds.items():
        table.add_row(kind.replace("_", " "), f"{each.planted:,}", f"{each.recall:.3f}", f"{each.precision:.3f}")
    clean = (
        f"clean documents wrongly dropped: {score.clean_dropped:,} of {score.clean:,} ({100 * score.clean_drop_share:.2f} %)"
    )
    foreign = f"GB18030 documents read: {score.gb18030_read:,} of {score.gb18030:,}"
    return _panel("planted noise: what was found of it", Group(table, Text(clean), Text(foreign)))


def _panel(title: str, inner: RenderableType) -> Panel:
    return Panel(inner, title=title, title_align="left", border_style="dim", expand=False)


def _waterfall(corpus: Artifact) -> Table:
    counts = corpus.manifest.counts
    table = Table(box=None, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{counts['documents_read']:,}", "documents read")
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        if name.startswith("dropped_") and count:
            table.add_row(f"-{count:,}", name.removeprefix("dropped_").replace("_", " "), style="red")
    table.add_row(f"{counts['documents_kept']:,}", f"kept ({counts['characters_kept']:,} characters)", style="bold green")
    table.add_row(f"{counts['documents_heldout']:,}", "of them held out for evaluation")
    table.add_row(f"{counts['bad_records']:,}", "bad records set aside, each with file and position")
    return table


def _model(outcome: Outcome) -> RenderableType:
    model, tokenizer = outcome.model.manifest, outcome.tokenizer.manifest
    table = Table.grid(padding=(0, 2))
    table.add_row("parameters", f"{model.counts['parameters']:,}")
    table.add_row("characters per token", f"{tokenizer.metrics['characters_per_token']:.3f} on held-out text")
    table.add_row("trained", f"{model.counts['steps']:,} steps, {model.metrics['tokens_per_second']:,.0f} tokens/s")
    losses = [point["loss"] for point in _report(outcome.evaluation)["curve"] if point["loss"] is not None]
    if losses:
        table.add_row("loss (nats per token)", f"{losses[0]:.2f} {sparkline(losses, _CURVE_WIDTH)} {losses[-1]:.2f}")
    return table


def sparkline(values: list[float], width: int) -> str:
    """The values as one line of at most `width` bars; each bar is the mean of its share of them."""
    size = max(1, len(values) / width)
    shares = [values[int(i * size) : int((i + 1) * size) or 1] for i in range(min(width, len(values)))]
    means = [sum(share) / len(share) for share in shares if share]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)


def _scores(evaluation: Artifact) -> Table:
    table = Table(box=None, header_style="dim")
    for column in ("", "bits/character", "95 % interval"):
        table.add_column(column)
    for scorer in _report(evaluation)["scorers"]:
        bits = scorer["bits_per_character"]
        interval = f"{bits['low']:.3f} to {bits['high']:.3f}" if bits["low"] is not None else "-"
        table.add_row(scorer["name"], f"{bits['value']:.3f}", interval)
    return table


def _report(evaluation: Artifact) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(evaluation.read("report.json"))
    return report


def _seconds(outcome: Outcome) -> Table:
    table = Table.grid(padding=(0, 2))
    for artifact in (outcome.corpus, outcome.tokenizer, outcome.tokens, outcome.model, outcome.evaluation):
        table.add_row(artifact.kind, f"{artifact.manifest.seconds:.1f}")
    return table
