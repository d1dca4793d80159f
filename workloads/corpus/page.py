"""report.html of a corpus: one file, no network, light and dark, wide and narrow. Draws what report.py has counted."""

from html import escape

from cluster.manifest import Json
from workloads.corpus.page_compliance import audit_samples, compliance_sheet
from workloads.corpus.page_pairs import pairs_section
from workloads.corpus.page_parts import cards, document, section, table
from workloads.corpus.page_timings import PAGE
from workloads.corpus.reasons import explain
from workloads.corpus.report import BadFile, LengthBin, Report, SourceLine
from workloads.corpus.tally import Sample

_MOST_SOURCES = 60
_TIMINGS = f'<p><a href="{PAGE}">What each step took</a>, of the clock, of processors and of memory.</p>'


def page(report: Report, timed: bool = True) -> str:
    """The whole document; every text from outside is escaped. `timed`: the page of timings lies beside it."""
    parts = [
        _history(report),
        _headline(report),
        section("From read to kept", _waterfall(report), "Documents, in the order in which the rules are asked."),
        section("Length of documents", _histogram(report.lengths), "Characters after cleaning, on a logarithmic scale."),
        section("Sources", _sources(report.sources)),
        section("Thresholds from the corpus itself", _calibration(report), "Percentiles of a sample of each source."),
        section("Evaluation sets", _overlap(report), "Items that documents hold; those quoted with their choices are leaks."),
        section(
            "Personal data and lexicon", compliance_sheet(report), "Documents that passed the rules; compliance.csv has all."
        ),
        section("Personal data to look at", audit_samples(report), "Starred out; drawn by id, so the same in every run."),
        section("Shared text", _shared(report), "Stretches that an earlier document has too, in documents that stay."),
        section("Side by side", pairs_section(report.pairs, report.spec), "Drawn by id; what differs is marked."),
        section("Dropped documents to look at", _samples(report), "Drawn by id, so the same in every run."),
        section("Bad records", _bad_records(report), "Set aside with file and position; they never stop a run."),
        section("Time and memory", _TIMINGS, "Kept apart, since all else here is the same in every run.") if timed else "",
        section("Settings", _settings(report)),
    ]
    return document(f"Corpus of {report.name}", "".join(parts))


def _history(report: Report) -> str:
    parts = [f"Extends corpus {escape(report.base)}: the figures are of the new documents."] if report.base else []
    parts += [f"{report.removed:,} documents were taken down after these figures were made."] if report.removed else []
    return f'<p class="note">{" ".join(parts)}</p>' if parts else ""


def _headline(report: Report) -> str:
    counts = report.counts
    personal = sum(count for name, count in counts.items() if name.startswith("personal_"))
    near, semantic = counts["dropped_near_duplicate"], counts["dropped_semantic_duplicate"]
    kinds = f"{near:,} of them near ones" + (f", {semantic:,} in other words" if semantic else "")
    figures = (
        ("kept", counts["documents_kept"], f"of {counts['documents_read']:,} documents"),
        ("characters", counts["characters_kept"], f"of {counts['characters_read']:,} read"),
        ("held out", counts["documents_heldout"], "documents, for evaluation"),
        ("duplicates", counts["dropped_exact_duplicate"] + near + semantic, kinds),
        ("lines taken out", counts["lines_removed"], "navigation, copyright and the like"),
        ("lines set right", counts["lines_repaired"], "read with the wrong encoding before they came here"),
        ("personal data", personal, f"items in what is kept; mode {escape(str(_mode(report)))}"),
        ("bad records", counts["bad_records"], "set aside"),
    )
    return cards((name, f"{value:,}", note) for name, value, note in figures)


def _mode(report: Report) -> Json:
    section = report.spec["personal_data"]
    return section["mode"] if isinstance(section, dict) else section


def _waterfall(report: Report) -> str:
    read = max(report.counts["documents_read"], 1)
    rows = [_bar("read", "", read, 0, read, read)]
    left = read
    for step in report.waterfall:
        left -= step.documents
        if step.documents:
            rows.append(
                _bar(step.reason, explain(step.reason, report.spec), step.documents, left, step.documents, read, "drop")
            )
    rows.append(_bar("kept", "", left, 0, left, read, "keep"))
    return f'<div class="waterfall">{"".join(rows)}</div>'


def _bar(name: str, note: str, value: int, start: int, length: int, whole: int, kind: str = "") -> str:
    """One row: the bar from `start` of `length` out of `whole`; for a drop, what stays is drawn pale before it."""
    pale = f'<i class="pale" style="width:{100 * start / whole:.3f}%"></i>' if start else ""
    bar = f'<i class="{kind}" style="width:{100 * length / whole:.3f}%"></i>'
    sign = "−" if kind == "drop" else ""
    label = f'<span class="name">{escape(name.replace("_", " "))}<small>{escape(note)}</small></span>'
    return (
        f'<div class="row">{label}<span class="track">{pale}{bar}</span>'
        f'<span class="number">{sign}{value:,}<small>{_percent(value, whole)}</small></span></div>'
    )


def _percent(part: int, whole: int) -> str:
    share = 100 * part / max(whole, 1)
    return f"{share:.0f} %" if share >= 9.5 or not part else f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"


def _histogram(bins: tuple[LengthBin, ...]) -> str:
    highest = max(each.kept + each.dropped for each in bins)
    columns = []
    for each in bins:
        kept, dropped = 100 * each.kept / highest, 100 * each.dropped / highest
        tip = f"from {each.characters:,} characters: {each.kept:,} kept, {each.dropped:,} dropped"
        tick = _short(each.characters) if each.characters.bit_count() == 1 else ""
        columns.append(
            f'<div title="{tip}"><span class="bars"><i class="drop" style="height:{dropped:.2f}%"></i>'
            f'<i class="keep" style="height:{kept:.2f}%"></i></span><small>{tick}</small></div>'
        )
    legend = '<p class="legend"><i class="keep"></i> kept <i class="drop"></i> dropped</p>'
    return f'<div class="histogram">{"".join(columns)}</div>{legend}'


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.0f}{letter}"
    return str(number)


def _sources(lines: tuple[SourceLine, ...]) -> str:
    rows = []
    for line in lines[:_MOST_SOURCES]:
        main = sorted(line.dropped.items(), key=lambda item: (-item[1], item[0]))[:3]
        why = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in main)
        meter = f'<span class="track"><i class="keep" style="width:{100 * line.kept / max(line.read, 1):.2f}%"></i></span>'
        cells = (f"{line.read:,}", f"{line.kept:,}", f"{meter}", f"{line.characters_kept:,}", escape(why))
        rows.append((escape(line.source), *cells))
    if len(lines) > _MOST_SOURCES:
        rows.append((f"and {len(lines) - _MOST_SOURCES:,} more in report.json", "", "", "", "", ""))
    return table(("source", "read", "kept", "share kept", "characters kept", "dropped mainly by"), rows, "sources")


def _calibration(report: Report) -> str:
    rows = [
        (escape(each.source), escape(each.rule), f"{each.threshold:.4g}", f"{each.percent:g} %", f"{each.documents:,}")
        for each in report.calibration
    ]
    return table(("source", "rule", "threshold", "beyond it", "documents measured"), rows, "calibration") if rows else ""


def _overlap(report: Report) -> str:
    rows = []
    for each in report.overlap:
        counts = (each.items, each.searched, each.leaked, each.documents, each.sourced, each.partly)
        rows.append((escape(each.set_name), *(f"{count:,}" for count in counts)))
    head = ("set", "items", "long enough to look for", "leaked", "documents that quote one", "only their source", "in part")
    return table(head, rows, "overlap") if rows else ""


def _shared(report: Report) -> str:
    counts = report.counts
    if not counts["shared_documents"]:
        return ""
    found = " and ".join(
        f"{counts[f'shared_{name}']:,} {name}" for name in ("paragraphs", "passages") if counts[f"shared_{name}"]
    )
    return f"<p>{found}: {counts['shared_characters']:,} characters in {counts['shared_documents']:,} documents.</p>"


def _samples(report: Report) -> str:
    groups = []
    for reason, samples in report.samples.items():
        if reason.startswith("bad: "):
            continue
        count = report.counts[f"dropped_{reason}"]
        items = "".join(_sample(each) for each in samples)
        title = f"{escape(reason.replace('_', ' '))} <small>{count:,} · {escape(explain(reason, report.spec))}</small>"
        groups.append(f"<details><summary>{title}</summary>{items}</details>")
    return "".join(groups)


def _sample(sample: Sample) -> str:
    matched = f" · stays: {escape(sample.matched_id)}" if sample.matched_id else ""
    where = f"{escape(sample.file)} : {sample.position:,}"
    return (
        f"<figure><figcaption>{escape(sample.source)} · {where} · measured {sample.value:.3g}{matched}</figcaption>"
        f"<blockquote lang=zh>{escape(sample.text)}</blockquote></figure>"
    )


def _bad_records(report: Report) -> str:
    if not report.bad_files:
        return "<p>None.</p>"
    files = table(("file", "reason", "records"), (_bad_row(each) for each in report.bad_files), "bad")
    groups = []
    for reason, samples in report.samples.items():
        if reason.startswith("bad: "):
            items = "".join(
                f"<figure><figcaption>{escape(each.file)} : {each.position:,}</figcaption>"
                f"<blockquote lang=zh>{escape(each.text)}</blockquote></figure>"
                for each in samples
            )
            groups.append(f"<details><summary>{escape(reason.removeprefix('bad: '))}</summary>{items}</details>")
    return files + "".join(groups)


def _bad_row(each: BadFile) -> tuple[str, str, str]:
    return escape(each.file), escape(each.reason), f"{each.records:,}"


def _settings(report: Report) -> str:
    rows = ((escape(key), escape(str(value))) for key, value in report.spec.items() if key != "inputs")
    return f"<details><summary>the resolved `corpus` section</summary>{table(('key', 'value'), rows, 'settings')}</details>"
