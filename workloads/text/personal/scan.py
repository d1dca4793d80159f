"""Finding personal data in a text: one cheap look for what could be, and a closer one only there. Not what it is (kind.py)."""

import re
from collections.abc import Iterable, Iterator, Sequence

from workloads.text.personal.kind import Kind, Span
from workloads.text.personal.registry import KINDS

_WIDE = re.compile("[\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\uff0b\uff3f]")
_HALF = {
    wide: wide - 0xFEE0 for first, last in ("０９", "＠Ｚ", "ａｚ", "＋＋", "＿＿") for wide in range(ord(first), ord(last) + 1)
}
_STRETCH = re.compile("[0-9][0-9 .()\\-\u2010-\u2013\u00b7\uff08\uff09\uff0d\uff0e\u3000]{6,}")
_LEAST_DIGITS = re.compile("(?:[^0-9]*[0-9]){6}|(?:[0-9]+[.]){3}")
_BEYOND = 12  # characters after a stretch that a pattern may look at


def find_personal(text: str, kinds: Sequence[Kind] = KINDS) -> list[Span]:
    """Personal data of these kinds, in order, without overlaps."""
    if _WIDE.search(text):
        text = text.translate(_HALF)  # one character for one, so that places stay
    found: list[tuple[int, Span]] = []
    found += _in_stretches(text, [(rank, kind) for rank, kind in enumerate(kinds) if not kind.gate])
    opened = {gate: bool(gate.search(text)) for gate in {kind.gate for kind in kinds if kind.gate}}
    for rank, kind in enumerate(kinds):
        if kind.gate and opened[kind.gate]:
            found += ((rank, span) for match in kind.pattern.finditer(text) if (span := kind.span(text, match)))
    return _apart(found)


def _in_stretches(text: str, kinds: Sequence[tuple[int, Kind]]) -> Iterator[tuple[int, Span]]:
    if not kinds:
        return
    for stretch in _STRETCH.finditer(text):
        if not _LEAST_DIGITS.match(stretch.group()):
            continue
        start, stop = stretch.start(), min(len(text), stretch.end() + _BEYOND)
        for rank, kind in kinds:
            for match in kind.pattern.finditer(text, max(0, start - kind.before), stop):
                if match.start() < stretch.end() and (span := kind.span(text, match)):
                    yield rank, span


def _apart(found: Iterable[tuple[int, Span]]) -> list[Span]:
    """By rank, each that overlaps none before it."""
    chosen: list[Span] = []
    for _, span in sorted(set(found)):
        if all(span.stop <= other.start or other.stop <= span.start for other in chosen):
            chosen.append(span)
    return sorted(chosen)
