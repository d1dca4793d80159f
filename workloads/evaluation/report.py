"""report.html of an evaluation: one self-contained page, light and dark, also on a small screen. It computes nothing."""

from html import escape
from importlib import resources

from cluster.observe.charts import Series, bar, line_chart
from workloads.evaluation.bits import Estimate
from workloads.evaluation.result import Result, Scorer, SourceScore
from workloads.evaluation.samples import REPEAT_LENGTH, Sample

_MOST_SOURCES = 40


def render(result: Result) -> str:
    """The page as text. Everything from outside (document text, source names) is escaped."""
    style = resources.files("workloads.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    body = "".join([_head(result), _table(result), _curve(result), _sources(result), _samples(result), _method(result)])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation of {escape(result.model)}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(result: Result) -> str:
    own, best = result.own.bits_per_character, min(result.scorers[1:], key=lambda s: s.bits_per_character.value)
    share = 100 * (1 - own.value / best.bits_per_character.value)
    word = "fewer" if share >= 0 else "more"
    amounts = result.amounts
    return (
        f'<header><p class="kind">Evaluation</p><h1>Model <code>{escape(result.model)}</code></h1>'
        f'<p class="headline"><strong>{own.value:.3f}</strong> bits per character <span class="quiet">{_interval(own)}</span></p>'
        f"<p>{abs(share):.0f} % {word} than a character {escape(best.name)} model "
        f"({best.bits_per_character.value:.3f}) on the same {_documents(amounts.documents)} held out, "
        f"{amounts.characters:,} characters, {amounts.characters / max(1, amounts.tokens):.2f} characters per token.</p></header>"
    )


def _table(result: Result) -> str:
    rows = "".join(_row(scorer) for scorer in result.scorers)
    return (
        "<section><h2>Beside the baselines</h2><div class='wide'><table><thead><tr><th>predictor</th><th>bits per character</th>"
        "<th>bits per byte</th><th>saved by this model</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div><p class='quiet'>Brackets: 95 % interval. Lower is better; the baselines learnt "
        f"from {result.baseline_characters:,} characters of the same training text.</p></section>"
    )


def _row(scorer: Scorer) -> str:
    saved = "" if scorer.saved is None else f"{scorer.saved.value:.3f} {_interval(scorer.saved)}"
    cells = [f"{_both(scorer.bits_per_character)}", f"{_both(scorer.bits_per_byte)}", saved]
    mark = ' class="own"' if scorer.saved is None else ""
    return f"<tr{mark}><th>{escape(scorer.name)}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _curve(result: Result) -> str:
    chart = line_chart(
        [
            Series("training", "train", [(p.step, p.loss) for p in result.curve if p.loss is not None]),
            Series("held out", "heldout", [(p.step, p.heldout_loss) for p in result.curve if p.heldout_loss is not None]),
        ],
        "step",
        "loss",
    )
    if not chart:
        return ""
    key = "<p class='key'><span class='train'>training</span><span class='heldout'>held out</span></p>"
    return f"<section><h2>Training</h2><figure>{key}{chart}<figcaption>Loss in nats per token.</figcaption></figure></section>"


def _sources(result: Result) -> str:
    shown = sorted(result.sources, key=lambda s: -s.characters)[:_MOST_SOURCES]
    most = 1.05 * max(e.high or e.value for s in shown for e in s.bits_per_character.values())
    baselines = [scorer.name for scorer in result.scorers[1:]]
    styles = {name: "far" if i == 0 else "near" for i, name in enumerate(baselines)}
    key = "".join(f"<span class='{styles[name]}'>{escape(name)}</span>" for name in baselines)
    rows = "".join(_source(source, result.own.name, styles, most) for source in shown)
    left = len(result.sources) - len(shown)
    more = f"<p class='quiet'>and {left} smaller sources, in report.json</p>" if left else ""
    return (
        f"<section><h2>By source</h2><p class='key'><span class='bar-key'>this model, bits per character</span>{key}</p>"
        f"<div class='sources'>{rows}</div>{more}</section>"
    )


def _source(source: SourceScore, own: str, styles: dict[str, str], most: float) -> str:
    mine = source.bits_per_character[own]
    marks = [(source.bits_per_character[name].value, style) for name, style in styles.items()]
    others = ", ".join(f"{name} {source.bits_per_character[name].value:.2f}" for name in styles)
    return (
        f'<div class="source" title="{escape(others)}"><span class="name">{escape(source.source)} '
        f'<span class="quiet">{_documents(source.documents)}</span></span>{bar(mine.value, mine.low, mine.high, marks, most)}'
        f'<span class="figure">{mine.value:.2f}</span></div>'
    )


def _samples(result: Result) -> str:
    if not result.samples:
        return ""
    own = sum(s.repetition for s in result.samples) / len(result.samples)
    beside = ""
    if originals := [s.original_repetition for s in result.samples if s.original]:
        beside = f"; {100 * sum(originals) / len(originals):.1f} % in what people wrote there"
    note = f"{100 * own:.1f} % of all {REPEAT_LENGTH}-character sequences are repeats{beside}."
    return f"<section><h2>Samples</h2><p>{note}</p>{''.join(map(_sample, result.samples))}</section>"


def _sample(sample: Sample) -> str:
    original = ""
    if sample.original:
        original = f"<details><summary>how the document went on</summary><p lang='zh'>{escape(sample.original)}</p></details>"
    end = " <span class='quiet'>(ends here)</span>" if sample.ended else ""
    facts = f"seed {sample.seed}, {sample.tokens} tokens, {100 * sample.repetition:.1f} % repeats"
    return (
        f"<article><p class='text' lang='zh'><b>{escape(sample.prompt)}</b>{escape(sample.text)}{end}</p>"
        f"<p class='quiet'>{facts}</p>{original}</article>"
    )


def _method(result: Result) -> str:
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in result.seconds.items())
    return (
        "<section class='quiet'><h2>How it was measured</h2><p>Every token is scored once, given the tokens before it in its "
        f"document: at least {result.context - result.stride:,} of them wherever the document has as many (context "
        f"{result.context:,}, stride {result.stride:,}), and the first one given the end-of-document token. Bits are summed and "
        "divided by characters or UTF-8 bytes of the text; the end of a document is not scored. Baselines are interpolated "
        "modified Kneser-Ney over characters, with an escape to all of Unicode, so that an unseen character costs bits too. "
        f"Intervals: bootstrap over documents. Corpus <code>{escape(result.corpus)}</code>. {seconds}.</p></section>"
    )


def _documents(number: int) -> str:
    return f"{number:,} document{'s' if number != 1 else ''}"


def _both(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} <span class='quiet'>{_interval(estimate)}</span>"


def _interval(estimate: Estimate) -> str:
    return "" if estimate.low is None or estimate.high is None else f"[{estimate.low:.3f}, {estimate.high:.3f}]"
