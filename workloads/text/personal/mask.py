"""What is done with personal data that was found: masked in place, counted, shown for audit with its middle starred out."""

from collections import Counter
from collections.abc import Sequence

from workloads.text.personal.kind import Span
from workloads.text.personal.registry import KINDS, USUAL
from workloads.text.personal.scan import find_personal

_MASKS = {kind.name: kind.mask for kind in KINDS}
_AROUND = 16
_AHEAD = 48  # an item that the cut would divide is still seen whole


def mask(text: str, spans: Sequence[Span]) -> str:
    """The text with <手机号> and the like in place of each span (sorted, apart)."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += text[at : span.start], _MASKS[span.kind]
        at = span.stop
    return "".join((*parts, text[at:])) if parts else text


def count(spans: Sequence[Span]) -> dict[str, int]:
    """How many of each kind, in order of name."""
    return dict(sorted(Counter(span.kind for span in spans).items()))


def shown(text: str, characters: int) -> str:
    """The beginning of a text as a report may show it: without personal data, whatever the recipe wants of documents."""
    ahead = text[: characters + _AHEAD]
    return mask(ahead, find_personal(ahead, USUAL))[:characters]


def starred(item: str) -> str:
    """The item as an audit may show it: three of every four characters are stars."""
    shown = len(item) // 4
    head = (shown + 1) // 2
    return item[:head] + "*" * (len(item) - shown) + item[len(item) - (shown - head) :]


def audit(text: str, spans: Sequence[Span], index: int) -> str:
    """One span, starred, with some characters around it in which all others are masked."""
    span = spans[index]
    before = mask(text[: span.start], spans[:index])[-_AROUND:]
    after = [Span(each.start - span.stop, each.stop - span.stop, each.kind) for each in spans[index + 1 :]]
    behind = mask(text[span.stop :], after)[:_AROUND]
    return f"{before}{starred(text[span.start : span.stop])}{behind}".replace("\n", " ")
