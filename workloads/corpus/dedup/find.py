"""Finding duplicates, step by step, with plain Ray tasks over partitions: cleaned blocks to the fates of their documents.

cards -> groups of equal digests -> band keys -> candidate pairs -> true similarity -> connected components -> who stays.
The driver holds references only. Each task is a pure function of fixed inputs, so one whose worker died is just done again.
"""

from collections.abc import Sequence
from typing import Any

from workloads.corpus.blocks import Blocks
from workloads.corpus.dedup.candidates import keys_of_block, pairs_of_buckets, pairs_of_room
from workloads.corpus.dedup.cards import Policy, describe
from workloads.corpus.dedup.clusters import fates_of_room, members_of_partition, resolve_equal, settle_groups
from workloads.corpus.dedup.components import connect
from workloads.corpus.dedup.exact import group_equal
from workloads.corpus.dedup.index import Base, describe_part, folded_of_part
from workloads.corpus.dedup.layout import Layout
from workloads.corpus.dedup.marks import bits_for, joined_marks, mark
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.dedup.verify import folded_of_block, links_of_room
from workloads.corpus.shuffle import columns, start, start_parts

References = list[Any]


def find_duplicates(blocks: Blocks, spec: DuplicatesSpec, documents: int, base: Base | None = None) -> References:
    """For each block a reference to the fates of its room; its text is read only where documents are compared. `documents`: about how many there are, to spread the work; `base`: the corpus that this one extends, whose documents stay and are compared with new ones only."""
    layout = Layout.of(documents, len(blocks.tables) + (len(base.parts) if base else 0))
    policy = Policy(spec.keep, spec.sources)
    described = [
        start_parts(describe, 3 + layout.partitions, each, layout.room(number), policy, layout)
        for number, each in enumerate(blocks.heads)
    ]
    if base:
        described += _describe_base(layout, spec, documents, base, described)
    groups = [
        start_parts(group_equal, layout.rooms + layout.partitions, layout, *part)
        for part in columns([each[3:] for each in described])
    ]
    equal_of_room, equal = (
        columns([each[: layout.rooms] for each in groups]),
        columns([each[layout.rooms :] for each in groups]),
    )
    fates: list[References] = [[] for _ in range(layout.rooms)]
    moved: list[References] = [[] for _ in range(layout.partitions)]
    if spec.near:
        pairs = _candidates(layout, described, equal_of_room)
        linked = _links(
            layout, spec, pairs, _folded(layout, blocks.tables, base, described, columns([each[1:] for each in pairs]))
        )
        settled = _groups(layout, equal, linked)
        fates = columns([each[: layout.rooms] for each in settled])
        moved = columns([each[layout.rooms :] for each in settled])
    resolved = [
        start_parts(resolve_equal, layout.rooms, layout, len(part), *part, *others)
        for part, others in zip(equal, moved, strict=True)
    ]
    found = [start(fates_of_room, *part, *others) for part, others in zip(columns(resolved), fates, strict=True)]
    return [found[layout.room(number)] for number in range(len(blocks.tables))]


def _candidates(layout: Layout, described: Sequence[References], equal_of_room: Sequence[References]) -> list[References]:
    """For each room its pairs, then the documents that it needs from each room."""
    keys = [
        start_parts(keys_of_block, layout.partitions, layout, *each[:3], *equal_of_room[layout.room(number)])
        for number, each in enumerate(described)
    ]
    pairs = [start_parts(pairs_of_buckets, layout.rooms, layout, *part) for part in columns(keys)]
    return [start_parts(pairs_of_room, 1 + layout.rooms, layout, room, *part) for room, part in enumerate(columns(pairs))]


def _describe_base(
    layout: Layout, spec: DuplicatesSpec, documents: int, base: Base, described: Sequence[References]
) -> list[References]:
    """What the parts of the base's index hold that shares a key with the new documents."""
    power = bits_for(documents, spec.bands)
    marks = joined_marks([start(mark, power, *each[:2]) for each in described])
    first = len(described)
    return [
        start_parts(describe_part, 3 + layout.partitions, base.uri, path, number, layout.room(first + number), layout, marks)
        for number, path in enumerate(base.parts)
    ]


def _folded(
    layout: Layout,
    blocks: Sequence[Any],
    base: Base | None,
    described: Sequence[References],
    needed: Sequence[References],
) -> list[References]:
    """For each room the texts that it needs, from blocks and from the base."""
    origins: list[tuple[Any, ...]] = [(folded_of_block, block) for block in blocks]
    origins += [(folded_of_part, base.uri, path) for path in base.parts] if base else []
    folded = [
        start_parts(function, layout.rooms, *origin, cards[0], *needed[layout.room(number)])
        for number, ((function, *origin), cards) in enumerate(zip(origins, described, strict=True))
    ]
    return columns(folded)


def _links(layout: Layout, spec: DuplicatesSpec, pairs: Sequence[References], folded: Sequence[References]) -> list[References]:
    """For each room: nodes, near edges and edges between documents of one side, each by partition."""
    return [
        start_parts(links_of_room, 3 * layout.partitions, layout, spec.threshold, spec.split_threshold, each[0], *pieces)
        for each, pieces in zip(pairs, folded, strict=True)
    ]


def _groups(layout: Layout, equal: Sequence[References], linked: Sequence[References]) -> list[References]:
    """For each partition: fates by room, then what became of the winners of exact groups by partition."""
    count = layout.partitions
    nodes, near, aside = (columns([each[at : at + count] for each in linked]) for at in (0, count, 2 * count))
    labels = zip(connect(layout, near), connect(layout, aside), strict=True)
    members = [
        start_parts(members_of_partition, count, layout, len(groups), *both, *groups, *found)
        for groups, both, found in zip(equal, labels, nodes, strict=True)
    ]
    return [start_parts(settle_groups, layout.rooms + count, layout, *part) for part in columns(members)]
