"""What the pages of a corpus share: the document around them, sections and tables. Not for what is told in them."""

from collections.abc import Iterable
from html import escape

from workloads.corpus.page_style import STYLE


def document(title: str, body: str) -> str:
    """One file that needs nothing else; the title is plain text, the body is HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body><main>\n<h1>{escape(title)}</h1>\n{body}</main></body></html>\n"
    )


def section(title: str, body: str, note: str = "") -> str:
    """Nothing where the body is empty."""
    explanation = f'<p class="note">{note}</p>' if note else ""
    return f"<section><h2>{title}</h2>{explanation}{body}</section>\n" if body else ""


def cards(found: Iterable[tuple[str, str, str]]) -> str:
    """Figures to see first: name, figure, and a note below it, each HTML."""
    items = (f"<div><dt>{name}</dt><dd>{value}</dd><p>{note}</p></div>" for name, value, note in found)
    return f'<dl class="cards">{"".join(items)}</dl>\n'


def table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str) -> str:
    """Cells are HTML already; `kind` is the class that the style sheet knows."""
    names = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="{kind}"><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'
