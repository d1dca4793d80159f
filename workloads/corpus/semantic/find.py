"""Finding documents of one meaning among those that are kept so far, step by step, with plain Ray tasks over partitions.

pieces of text by partition of ids -> vectors -> centroids from a sample -> clusters -> who stays -> fates.
The driver holds references only; vectors lie in Ray's object store in 16 bits, which spills to disk.
"""

from collections.abc import Sequence
from typing import Any

from workloads.corpus.blocks import Blocks
from workloads.corpus.dedup.cards import Policy
from workloads.corpus.dedup.spec import DuplicatesSpec
from workloads.corpus.semantic.clusters import assign, cluster_count, sample_size, teach_centroids
from workloads.corpus.semantic.embed import embed_partition
from workloads.corpus.semantic.encoders import EncoderFolder
from workloads.corpus.semantic.pieces import pieces_of_block
from workloads.corpus.semantic.settle import settle_bucket, with_changes
from workloads.corpus.shuffle import columns, start, start_parts

_DOCUMENTS_PER_PARTITION, _MOST_PARTITIONS = 2_000, 1_024


def find_semantic(
    blocks: Blocks, fates: Sequence[Any], spec: DuplicatesSpec, documents: int, encoder: EncoderFolder | None
) -> list[Any]:
    """For each block a reference to the fates of its room, in which semantic duplicates are gone too. Does nothing without an
    encoder. `documents`: about how many there are, to spread the work."""
    semantic = spec.semantic
    if semantic is None or encoder is None:
        return list(fates)
    rooms = list(dict.fromkeys(fates))
    numbers = {room: number for number, room in enumerate(rooms)}
    policy = Policy(spec.keep, spec.sources)
    parts = min(max(1, -(-documents // _DOCUMENTS_PER_PARTITION)), _MOST_PARTITIONS)
    clusters = cluster_count(semantic.clusters, documents)
    pieces = [
        start_parts(pieces_of_block, parts, parts, numbers[fate], policy, semantic, block, heads, fate)
        for block, heads, fate in zip(blocks.tables, blocks.heads, fates, strict=True)
    ]
    sampled = sample_size(clusters, parts)
    embedded = [start_parts(embed_partition, 3, encoder, sampled, *part) for part in columns(pieces)]
    centroids = start(teach_centroids, clusters, semantic.centre, *(sample for _, _, sample in embedded))
    buckets = min(parts, clusters)
    assigned = [start_parts(assign, buckets, centroids, buckets, *each[:2]) for each in embedded]
    changes = [
        start_parts(settle_bucket, len(rooms), len(rooms), semantic.threshold, semantic.length_ratio, *bucket)
        for bucket in columns(assigned)
    ]
    settled = [start(with_changes, *each) for each in zip(rooms, *changes, strict=True)]
    return [settled[numbers[fate]] for fate in fates]
