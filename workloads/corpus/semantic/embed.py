"""The vectors of a partition's documents. The same however blocks are cut: batches follow from the partition alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workloads.corpus.dedup.layout import joined
from workloads.corpus.semantic.encoders import EncoderFolder, Encodes
from workloads.corpus.semantic.pieces import Pieces

BATCH = 16  # pieces: on a processor more gain nothing

Vectors = NDArray[np.float16]


def embed_partition(encoder: EncoderFolder, sampled: int, *parts: Pieces) -> list[object]:
    """(entries in order of id, their vectors [entries, width], and of the first `sampled` entries alone)."""
    entries = joined([entries for entries, _ in parts])
    pieces = [[str(piece) for piece in each or ()] for _, array in parts for each in array.to_pylist()]
    order = np.lexsort((entries["row"], entries["id"]))
    vectors = embed(encoder.load(), [pieces[place] for place in order.tolist()])
    return [entries[order], vectors, vectors[:sampled].copy()]


def embed(encoder: Encodes, documents: Sequence[Sequence[str]]) -> Vectors:
    """The mean of the vectors of each document's pieces. Pieces of like length share a batch."""
    owners = np.repeat(np.arange(len(documents)), [len(each) for each in documents])
    pieces = [piece for each in documents for piece in each]
    order = sorted(range(len(pieces)), key=lambda place: (len(pieces[place]), place))
    if not order:
        return np.empty((0, 0), np.float16)
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    found = np.concatenate([encoder.encode([pieces[place] for place in batch]) for batch in batches])
    vectors = np.empty_like(found)
    vectors[order] = found
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return (np.add.reduceat(vectors, starts) / np.bincount(owners)[:, None]).astype(np.float16)
