"""Finding shared paragraphs and passages among the documents that stay, step by step, with plain Ray tasks over partitions."""

from collections.abc import Sequence
from typing import Any

from workloads.corpus.blocks import Blocks
from workloads.corpus.dedup.cuts import SharedText, cut_block, cuts_of_room
from workloads.corpus.dedup.layout import Layout
from workloads.corpus.dedup.paragraphs import paragraphs_of_block, repeated_paragraphs
from workloads.corpus.dedup.passages import (
    anchors_of_block,
    matches_of_anchors,
    matches_of_room,
    passages_of_room,
    texts_of_block,
)
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.pairs import Pair, draw_cuts, passage_pairs
from workloads.corpus.shuffle import collect, columns, start, start_parts

References = list[Any]


def find_shared(
    blocks: Blocks, fates: Sequence[Any], spec: DuplicatesSpec, documents: int, min_characters: int
) -> tuple[Blocks, SharedText, tuple[Pair, ...]]:
    """The blocks without what is cut, what was found, and some of it to look at. Does nothing where the recipe asks for neither."""
    if not spec.paragraph_characters and spec.passages == "off":
        return blocks, SharedText(), ()
    layout = Layout.of(documents, len(blocks.tables))
    decided = [(layout.room(number), *each) for number, each in enumerate(zip(blocks.tables, fates, strict=True))]
    cuts: list[References] = [[] for _ in range(layout.rooms)]
    if spec.paragraph_characters:
        cuts = _add(cuts, _paragraphs(layout, spec.paragraph_characters, decided))
    passages = _passages(layout, spec.passage_characters, decided) if spec.passages != "off" else []
    if spec.passages == "cut":
        cuts = _add(cuts, [[each] for each in passages])
    shown = cuts if any(cuts) else [[each] for each in passages]
    pairs = passage_pairs(blocks.tables, [start(draw_cuts, *each) for each in shown])
    found = [start_parts(cuts_of_room, 2, *part) if part else [] for part in cuts]
    counts = [each[1] for each in found if each]
    if spec.passages == "report":
        counts += [start_parts(cuts_of_room, 2, each)[1] for each in passages]
    if any(found):
        cut = [start_parts(cut_block, 2, block, found[room][0], min_characters) for room, block, _ in decided]
        blocks = Blocks(*columns(cut))
    return blocks, sum(collect(counts), SharedText()), pairs


def _add(cuts: Sequence[References], more: Sequence[References]) -> list[References]:
    return [[*each, *others] for each, others in zip(cuts, more, strict=True)]


def _paragraphs(layout: Layout, least: int, decided: Sequence[tuple[Any, ...]]) -> list[References]:
    """For each room the references of its cuts."""
    parts = [start_parts(paragraphs_of_block, layout.partitions, layout, least, *each) for each in decided]
    return columns([start_parts(repeated_paragraphs, layout.rooms, layout, *part) for part in columns(parts)])


def _passages(layout: Layout, least: int, decided: Sequence[tuple[Any, ...]]) -> References:
    """For each room a reference to its cuts."""
    parts = [start_parts(anchors_of_block, layout.partitions, layout, least, *each) for each in decided]
    matches = columns([start_parts(matches_of_anchors, layout.rooms, layout, *part) for part in columns(parts)])
    of_room = [start_parts(matches_of_room, 1 + layout.rooms, layout, room, *part) for room, part in enumerate(matches)]
    needed = columns([each[1:] for each in of_room])
    texts = [start_parts(texts_of_block, layout.rooms, block, *needed[room]) for room, block, _ in decided]
    return [start(passages_of_room, least, each[0], *pieces) for each, pieces in zip(of_room, columns(texts), strict=True)]
