"""Clusters of vectors by spherical k-means: taught on a sample in one process, then every partition finds its own.

SemDeDup (Abbas, Tirumala, Simig, Ganguli, Morcos, 2023) compares within such clusters only, so that no step sees all pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.corpus.dedup.layout import Table, divide
from workloads.corpus.semantic.embed import Vectors

ROUNDS = 12  # the share of documents that change their cluster is under 1 % by then
_DOCUMENTS_PER_CLUSTER = 1_000
_SAMPLES_PER_CLUSTER = 64
_MOST_SAMPLES = 65_536  # 200 MB with 768 numbers each, as f32
_AT_ONCE = 4_096

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Centroids:
    """`mean` [width] is taken from every vector first; `places` [clusters, width] have length 1."""

    mean: Floats
    places: Floats

    def units(self, vectors: Vectors) -> Floats:
        return _units(vectors.astype(np.float32) - self.mean)


def cluster_count(asked: int, documents: int) -> int:
    return asked or max(1, -(-documents // _DOCUMENTS_PER_CLUSTER))


def sample_size(clusters: int, partitions: int) -> int:
    """Documents of each partition that centroids are taught on."""
    return max(1, -(-min(_SAMPLES_PER_CLUSTER * clusters, _MOST_SAMPLES) // partitions))


def teach_centroids(clusters: int, centre: bool, *samples: Vectors) -> Centroids:
    """k-means from the first documents of the sample, whose ids are hashes. An empty cluster stays where it was."""
    sample = np.concatenate([each for each in samples if len(each)] or [np.zeros((1, 1), np.float16)])
    mean = sample.astype(np.float64).mean(axis=0).astype(np.float32) if centre else np.zeros(sample.shape[1], np.float32)
    units = Centroids(mean, mean[None]).units(sample)
    places = units[:clusters].copy()
    for _ in range(ROUNDS if len(places) > 1 else 0):
        owners = nearest(units, places)
        order = np.argsort(owners, kind="stable")
        starts = np.flatnonzero(np.diff(owners[order], prepend=-1))
        places[owners[order][starts]] = _units(np.add.reduceat(units[order], starts))
    return Centroids(mean, places)


def nearest(units: Floats, places: Floats) -> Numbers:
    """The cluster of each vector, the first of equally near ones."""
    found = [np.argmax(units[at : at + _AT_ONCE] @ places.T, axis=1) for at in range(0, len(units), _AT_ONCE)]
    return np.concatenate([np.empty(0, np.int64), *found])


def assign(centroids: Centroids, buckets: int, entries: Table, vectors: Vectors) -> list[tuple[Numbers, Table, Vectors]]:
    """(clusters, entries, vectors of length 1) by bucket, which holds whole clusters."""
    units = centroids.units(vectors) if len(entries) else np.empty((0, len(centroids.mean)), np.float32)
    owners = nearest(units, centroids.places)
    numbered = np.zeros(len(entries), [("at", "<i8")])
    numbered["at"] = np.arange(len(entries))
    parts = divide(numbered, owners % buckets, buckets)
    return [(owners[each["at"]], entries[each["at"]], units[each["at"]].astype(np.float16)) for each in parts]


def _units(vectors: Floats) -> Floats:
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    units: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return units
