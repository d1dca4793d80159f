"""How a search is shown: a table, the best settings as `--set` takes them, and a page with the trials' curves."""

from collections.abc import Mapping
from html import escape
from io import StringIO
from typing import Any

from rich.console import Console

from app.planning.show import rows
from cluster.manifest import Json
from cluster.observe.charts import Series, line_chart

_WIDTH = 150
_SHOWN = 20
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}table{border-collapse:collapse}"
    "td,th{padding:.2rem .8rem;text-align:right}.grid{stroke:#ddd}.axis{font-size:11px;fill:#666}.trial{color:#bbb}.own{color:#06c}"
    ".best{color:#c30}polyline{stroke-width:1.5}circle{fill:currentColor}"
)


def ordered(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that came furthest first, by loss: a loss of an early end compares with no other."""
    return sorted(result["trials"], key=lambda each: (each["loss"] is None, -each["rows"] / each["of_rows"], each["loss"] or 0))


def show_trials(result: Mapping[str, Any]) -> str:
    written = StringIO()
    console = Console(file=written, highlight=False, width=_WIDTH)
    trials = ordered(result)
    names = list(trials[0]["values"])
    lines = []
    for each in trials[:_SHOWN]:
        loss = "diverged" if each["loss"] is None else f"{each['loss']:.4f}"
        mark = " (the recipe)" if each["number"] == 0 else ""
        lines.append(
            (
                f"{each['number']}{mark}",
                *(_short(each["values"][key]) for key in names),
                f"{each['rows'] / each['of_rows']:.0%}",
                loss,
            )
        )
    rows(console, ("trial", *names, "came to", "held-out loss"), lines)
    if len(trials) > _SHOWN:
        console.print(f"{len(trials) - _SHOWN} more in the report")
    best = " ".join(f"--set training.{key}={_short(value)}" for key, value in trials[0]["values"].items())
    console.print(f"Best: {best}", soft_wrap=True)
    return written.getvalue().rstrip("\n")


def page(result: Mapping[str, Any]) -> str:
    """A page that needs nothing else: the curves, best trial and recipe marked, and all trials."""
    trials = ordered(result)
    best = trials[0]["number"]
    series = [
        Series(
            f"trial {each['number']}",
            _class(each["number"], best),
            [(r, loss) for r, loss in each["looks"] if loss < float("inf")],
        )
        for each in reversed(trials)
    ]
    names = list(trials[0]["values"])
    head = "".join(f"<th>{escape(name)}</th>" for name in ("trial", *names, "rows", "held-out loss"))
    body = "".join(_row(each, names) for each in trials)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>tune {escape(str(result["recipe"]))}</title><style>{_STYLE}</style>'
        f"<h1>{escape(str(result['recipe']))}: {len(trials)} trials</h1><p>Held-out loss by rows trained on. Red: the best. Blue: the recipe "
        f"as it is.</p>{line_chart(series, 'rows', 'nats per token')}<table><tr>{head}</tr>{body}</table></html>\n"
    )


def _class(number: int, best: int) -> str:
    return "best" if number == best else "own" if number == 0 else "trial"


def _row(trial: Mapping[str, Any], names: list[str]) -> str:
    loss = "diverged" if trial["loss"] is None else f"{trial['loss']:.4f}"
    cells = (str(trial["number"]), *(_short(trial["values"][key]) for key in names), f"{trial['rows']:,}", loss)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _short(value: Json) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
