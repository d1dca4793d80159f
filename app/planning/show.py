"""How plans and laws are shown: tables on standard output, plain where it is no terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from app.commands.corpus_plan_show import count, duration, open_console
from workloads.training.planning.law import Expectation
from workloads.training.planning.measure import Evidence


def rows(console: Console, names: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """A table whose first column is text and whose others are figures."""
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in names:
        table.add_column(name, justify="left" if name == names[0] else "right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console.print(table)
    console.print()


def show_law(evidence: Evidence) -> None:
    """The runs, what the law says of each, and the law."""
    console, law = open_console(), evidence.law
    lines = [
        (
            f"{run.point.parameters:,}",
            count(run.point.tokens),
            f"{run.learning_rate:g}",
            f"{run.batch} x {run.steps:,}",
            f"{run.point.loss:.3f}",
            f"{law.best.loss(run.point.parameters, run.point.tokens):.3f}",
        )
        for run in sorted(evidence.runs, key=lambda each: (each.point.parameters, each.point.tokens))
    ]
    rows(console, ("parameters", "tokens", "rate", "rows x steps", "loss", "of the law"), lines)
    best = law.best
    console.print(
        f"L(N, D) = {best.floor:.3g} + {best.model_scale:.4g} / N^{best.model_power:.3f} + {best.data_scale:.4g} / D^{best.data_power:.3f} "
        f"nats per token; runs scatter by {law.noise:.2%}",
        soft_wrap=True,
    )


def interval(expected: Expectation, digits: int = 2) -> str:
    """`3.21 (3.10-3.35)`."""
    return f"{expected.loss:.{digits}f} ({expected.low:.{digits}f}-{expected.high:.{digits}f})"


__all__ = ["count", "duration", "interval", "open_console", "rows", "show_law"]
