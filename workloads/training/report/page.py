"""The training report as one self-contained page, light and dark, wide and narrow. It draws what facts.py has gathered."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape

from cluster.manifest import Json
from cluster.observe.charts import Series, line_chart
from workloads.training.health.quarantine import LeftOut
from workloads.training.lost_time import CAUSES
from workloads.training.report.facts import ReportFacts
from workloads.training.report.style import STYLE

_MOST_INCIDENTS, _MOST_DOCUMENTS = 200, 12


def page(facts: ReportFacts) -> str:
    """Every text from outside is escaped."""
    body = "".join(
        [_head(facts), _curves(facts), _time(facts), _incidents(facts), _rows(facts), _left_out(facts), _settings(facts)]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Training of {escape(facts.run)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(facts: ReportFacts) -> str:
    last = facts.metrics[-1] if facts.metrics else {}
    heldout = [m["heldout_bits_per_character"] for m in facts.metrics if "heldout_bits_per_character" in m]
    bits = heldout[-1] if heldout else last.get("bits_per_character")
    where = "held-out" if heldout else "training"
    lost = sum(facts.account.lost.values())
    cards = (
        (_number(bits, 3), f"bits per character of {where} text"),
        (
            f"{100 * facts.account.goodput:.1f} %",
            f"goodput: of {_clock(facts.account.useful + lost)} in {facts.account.starts} start(s)",
        ),
        (f"{facts.tokens:,}", f"tokens in {facts.steps:,} steps" + (f" of {facts.planned:,}" if facts.planned else "")),
        (_number(last.get("tokens_per_second"), 0), f"tokens per second; {100 * _float(last.get('mfu')):.1f} % of the peak"),
        (f"{100 * _float(last.get('wait')):.2f} %", "of the time steps waited for rows"),
        (f"{len(facts.incidents)}", f"incidents; {len(facts.left_out)} step(s) left out"),
    )
    items = "".join(f"<div><dd>{value}</dd><dt>{text}</dt></div>" for value, text in cards)
    return (
        f'<header><p class="kind">Training</p><h1>{escape(facts.run)} <code>{escape(facts.work)}</code></h1>'
        f'<dl class="cards">{items}</dl></header>'
    )


def _curves(facts: ReportFacts) -> str:
    loss = line_chart(
        [Series("training", "train", _points(facts, "loss")), Series("held out", "heldout", _points(facts, "heldout_loss"))],
        "step",
        "loss",
    )
    if not loss:
        return ""
    key = "<p class='key'><span class='train'>training</span><span class='heldout'>held out</span></p>"
    small = "".join(
        f"<figure>{line_chart([Series(title, 'train', points)], 'step', title)}<figcaption>{title}</figcaption></figure>"
        for title, points in _small_curves(facts)
    )
    return _section(
        "Curves",
        f"<figure>{key}{loss}<figcaption>Loss in nats per token.</figcaption></figure><div class='small'>{small}</div>",
    )


def _small_curves(facts: ReportFacts) -> list[tuple[str, list[tuple[float, float]]]]:
    """Titles and points of what is worth a small chart; a number of workers that never changed is not."""
    workers = _points(facts, "workers")
    curves = [
        ("gradient norm before clipping", [(step, norm) for step, norm in _points(facts, "gradient_norm") if norm > 0]),
        ("learning rate, in thousandths", [(step, 1000 * rate) for step, rate in _points(facts, "learning_rate")]),
        ("tokens per second", _points(facts, "tokens_per_second")),
        ("workers", workers if len({count for _, count in workers}) > 1 else []),
    ]
    return [(title, points) for title, points in curves if points]


def _points(facts: ReportFacts, name: str) -> list[tuple[float, float]]:
    return [(_float(m["step"]), _float(m[name])) for m in facts.metrics if m.get(name) is not None]


def _time(facts: ReportFacts) -> str:
    account = facts.account
    total = account.useful + sum(account.lost.values())
    if not total:
        return ""
    lost = sorted(account.lost.items(), key=lambda each: -each[1])
    rows = _bar("steps that stand", "useful", account.useful, total)
    rows += "".join(_bar(cause, CAUSES.get(cause, ""), seconds, total) for cause, seconds in lost)  # type: ignore[call-overload]
    return _section("Where the time went", f"<div class='wide'><table class='bars'>{rows}</table></div>")


def _bar(name: str, text: str, seconds: float, total: float) -> str:
    share = 100 * seconds / total
    style = "useful" if text == "useful" else "lost"
    note = "" if text == "useful" else f"<span class='quiet'>{escape(text)}</span>"
    return (
        f"<tr><th>{escape(name)} {note}</th><td class='number'>{seconds:,.1f} s</td><td class='number'>{share:.1f} %</td>"
        f"<td class='track'><i class='{style}' style='width:{share:.2f}%'></i></td></tr>"
    )


def _incidents(facts: ReportFacts) -> str:
    rows = "".join(
        f"<tr><td class='when'>{_moment(each.time)}</td><td>{escape(each.kind.replace('_', ' '))}</td><td class='text'>{escape(each.text)}</td></tr>"
        for each in facts.incidents[-_MOST_INCIDENTS:]
    )
    if not rows:
        return _section("Incidents", "<p class='quiet'>None.</p>")
    head = "<thead><tr><th>when (UTC)</th><th>what</th><th></th></tr></thead>"
    return _section("Incidents", f"<div class='wide'><table>{head}<tbody>{rows}</tbody></table></div>")


def _rows(facts: ReportFacts) -> str:
    told = (
        f"Wrong: {escape(facts.fault)}."
        if facts.fault
        else f"Every position of [0, {facts.rows:,}) was owned by exactly one step."
    )
    groups = ", ".join(f"{workers} from step {step:,}" for step, workers in facts.workers)
    return _section("Ledger", f"<p class='{'bad' if facts.fault else ''}'>{told} Workers: {groups or 'none yet'}.</p>")


def _left_out(facts: ReportFacts) -> str:
    if not facts.left_out:
        return ""
    items = "".join(_entry(entry) for entry in facts.left_out)
    note = "Rows with their own loss, the oddest first; quarantine.jsonl has all of them."
    return _section("Steps left out", f"<p class='quiet'>{note}</p>{items}")


def _entry(entry: LeftOut) -> str:
    score = f", {entry.score:.0f} deviations above the median" if entry.score else ""
    went = f"; the run went back to step {entry.rolled_back_to:,}" if entry.rolled_back_to is not None else ""
    loss = f"loss {_number(entry.loss, 3)}{score}" if entry.loss is not None or entry.score else ""
    documents = "".join(
        f"<li>row {row.row:,}{'' if row.loss is None else f', loss {row.loss:.3f}'}: <code>{escape(', '.join(row.documents))}</code></li>"
        for row in entry.rows[:_MOST_DOCUMENTS]
    )
    return f"<article><p><b>step {entry.step:,}</b>: {escape(entry.reason)} {loss}{went}</p><ul>{documents}</ul></article>"


def _settings(facts: ReportFacts) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>" for name, value in facts.settings.items()
    )
    return _section("Settings", f"<details><summary>all of <code>training</code></summary><table>{rows}</table></details>")


def _shown(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(_pairs(value))
    return str(value)


def _pairs(values: Mapping[str, Json]) -> Iterable[str]:
    return (f"{key} {value}" for key, value in values.items())


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%m-%d %H:%M:%S")


def _clock(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def _float(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _number(value: Json, digits: int) -> str:
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else "none"
