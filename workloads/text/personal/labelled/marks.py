"""How a sentence is labelled: ⟦mobile|13800138000⟧ stands for a mobile number; all else is none."""

import re
from collections.abc import Sequence

from workloads.text.personal.kind import Span

_MARK = re.compile("⟦([a-z0-9_]+)[|]([^⟧]*)⟧")


def marked(kind: str, item: str) -> str:
    """The item with its label."""
    return f"⟦{kind}|{item}⟧"


def unmark(sentence: str) -> tuple[str, list[Span]]:
    """The plain text, and what is marked in it."""
    parts: list[str] = []
    spans: list[Span] = []
    at = length = 0
    for mark in _MARK.finditer(sentence):
        parts += sentence[at : mark.start()], mark[2]
        length += mark.start() - at
        spans.append(Span(length, length + len(mark[2]), mark[1]))
        length, at = length + len(mark[2]), mark.end()
    return "".join((*parts, sentence[at:])), spans


def mark(text: str, spans: Sequence[Span]) -> str:
    """The reverse, for showing what was found."""
    for span in reversed(spans):
        text = f"{text[: span.start]}⟦{span.kind}|{text[span.start : span.stop]}⟧{text[span.stop :]}"
    return text
