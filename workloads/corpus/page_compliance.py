"""The report's sections on personal data and lexicon: the compliance sheet, and items to audit."""

from html import escape

from workloads.corpus.compliance import EVERYWHERE, ComplianceLine
from workloads.corpus.page_parts import table
from workloads.corpus.report import Report

_MOST_LINES = 400


def compliance_sheet(report: Report) -> str:
    """What was found over all sources, and source by source in a fold."""
    if not report.compliance:
        return "<p>Nothing was found.</p>"
    whole = [line for line in report.compliance if line.source == EVERYWHERE]
    parts = [line for line in report.compliance if line.source != EVERYWHERE]
    sheet = _table(whole)
    if parts:
        more = f"<p>and {len(parts) - _MOST_LINES:,} more lines in compliance.csv</p>" if len(parts) > _MOST_LINES else ""
        sheet += f"<details><summary>by source</summary>{_table(parts[:_MOST_LINES])}{more}</details>"
    return sheet


def _table(lines: list[ComplianceLine]) -> str:
    head = ("check", "source", "kind or category", "documents", "share", "items", "kept documents", "kept items")
    return table(head, (_cells(line) for line in lines), "compliance")


def _cells(line: ComplianceLine) -> tuple[str, ...]:
    return (
        escape(line.check.replace("_", " ")),
        escape(line.source),
        escape(line.category),
        f"{line.documents:,} of {line.checked:,}",
        f"{line.share:.2%}" if line.share >= 0.0001 or not line.share else "&lt; 0.01%",
        f"{line.hits:,}",
        f"{line.kept:,}",
        f"{line.kept_hits:,}",
    )


def audit_samples(report: Report) -> str:
    """A fold for each kind."""
    groups = []
    for kind, items in report.audits.items():
        rows = "".join(
            f"<figure><figcaption>{escape(item.source)} · {escape(item.file)} : {item.position:,}</figcaption>"
            f"<blockquote>{escape(item.shown)}</blockquote></figure>"
            for item in items
        )
        groups.append(f"<details><summary>{escape(kind.replace('_', ' '))}</summary>{rows}</details>")
    return "".join(groups)
