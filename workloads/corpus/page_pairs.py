"""Duplicates and shared passages side by side, for report.html. Not their choice (pairs.py)."""

from collections.abc import Mapping, Sequence
from html import escape

from cluster.manifest import Json
from workloads.corpus.dedup.fates import EXACT
from workloads.corpus.pairs import PASSAGE, Pair, Side
from workloads.corpus.reasons import explain
from workloads.text.difference import Stretch

_TAGS = {"changed": "mark", "shared": "b", "same": "span"}


def pairs_section(pairs: Sequence[Pair], spec: Mapping[str, Json]) -> str:
    """One group a kind, opened where it is the first."""
    groups: list[str] = []
    for reason in dict.fromkeys(pair.reason for pair in pairs):
        found = "".join(_pair(pair) for pair in pairs if pair.reason == reason)
        note = "word for word in two documents that stay" if reason == PASSAGE else explain(reason, spec)
        opened = "" if groups else " open"
        title = f"{escape(reason.replace('_', ' '))} <small>{escape(note)}</small>"
        groups.append(f"<details{opened}><summary>{title}</summary>{found}</details>")
    return "".join(groups)


def _pair(pair: Pair) -> str:
    passage = pair.reason == PASSAGE
    measure = f"{pair.value:,.0f} characters shared" if passage else f"similarity {pair.value:.3f}"
    sides = (("later", pair.left), ("earlier", pair.right)) if passage else (("goes", pair.left), ("stays", pair.right))
    told = f"<p>{measure}</p>" if pair.reason != EXACT else ""
    return f'<div class="pair">{told}{"".join(_side(*each) for each in sides)}</div>'


def _side(name: str, side: Side) -> str:
    caption = (
        f"<em>{name}</em> {escape(side.source)} · {escape(side.file)} : {side.position:,} · {side.characters:,} characters"
    )
    text = "".join(_stretch(each) for each in side.stretches)
    return f"<figure><figcaption>{caption}</figcaption><blockquote lang=zh>{text}</blockquote></figure>"


def _stretch(stretch: Stretch) -> str:
    if stretch.kind == "left out":
        return '<i class="gap" title="left out here">⋯</i>'
    tag = _TAGS[stretch.kind]
    return f"<{tag}>{escape(stretch.text)}</{tag}>"
