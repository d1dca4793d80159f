"""The pure parts of the comparison of meanings, beside slow and plain ways of saying the same."""

import random

import numpy as np
import pytest

from workloads.corpus.dedup.fates import FATE, IS_KEPT, IS_NEAR, IS_SEMANTIC
from workloads.corpus.semantic.clusters import assign, cluster_count, nearest, teach_centroids
from workloads.corpus.semantic.embed import BATCH, embed
from workloads.corpus.semantic.pieces import ENTRY, pieces_of
from workloads.corpus.semantic.settle import lose, settle_bucket, with_changes


class CountsSigns:
    """A fake encoder: how often a text has each of eight signs."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, texts: list[str], /) -> np.ndarray:
        self.batches.append(len(texts))
        counts = np.array([[1 + text.count(sign) for sign in "天地玄黄宇宙洪荒"] for text in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def units(seed: int, count: int, width: int = 16, kinds: int = 0) -> np.ndarray:
    """Random directions; with `kinds`, each near one of so many."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, width)).astype(np.float32)
    if kinds:
        vectors = 0.1 * vectors + rng.normal(size=(kinds, width)).astype(np.float32)[rng.integers(kinds, size=count)]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def entries_of(count: int) -> np.ndarray:
    entries = np.zeros(count, ENTRY)
    entries["row"] = np.arange(count)
    entries["id"] = [f"{number:020x}" for number in range(count)]
    entries["characters"], entries["size"] = 100, 1
    return entries


def test_pieces_are_spread_from_the_first_sign_to_the_last() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(1000))
    assert pieces_of(text, 100, 4) == [text[:100], text[300:400], text[600:700], text[900:]]
    assert pieces_of(text[:100], 100, 4) == [text[:100]]
    assert pieces_of(text[:150], 100, 4) == [text[:100], text[50:150]]
    assert pieces_of("", 100, 4) == [""]


def test_a_document_is_the_mean_of_its_pieces() -> None:
    rng = random.Random(1)
    documents = [
        ["".join(rng.choices("天地玄黄宇宙洪荒", k=rng.randrange(1, 40))) for _ in range(rng.randrange(1, 5))]
        for _ in range(30)
    ]
    encoder = CountsSigns()
    found = embed(encoder, documents)
    assert set(encoder.batches[:-1]) == {BATCH}
    expected = np.array([CountsSigns().encode(pieces).mean(axis=0) for pieces in documents])
    assert np.allclose(found.astype(np.float32), expected, atol=1e-3)


def test_clusters_part_what_is_far_apart() -> None:
    vectors = units(3, 400, kinds=4).astype(np.float16)
    centroids = teach_centroids(8, False, vectors[:150], vectors[150:])
    owners = nearest(centroids.units(vectors), centroids.places)
    alike = centroids.units(vectors) @ centroids.units(vectors).T > 0.9
    for cluster in range(8):
        inside = owners == cluster
        assert alike[np.ix_(inside, inside)].all()  # no cluster holds two of the kinds
    parts = assign(centroids, 3, entries_of(400), vectors)
    assert sorted(np.concatenate([each["row"] for _, each, _ in parts]).tolist()) == list(range(400))
    assert all((np.unique(clusters) % 3 == place).all() for place, (clusters, _, _) in enumerate(parts))


def test_the_mean_is_taken_away_where_all_point_one_way() -> None:
    vectors = (units(5, 100) + 20 * units(6, 1)).astype(np.float16)
    plain, centred = (teach_centroids(1, centre, vectors).units(vectors) for centre in (False, True))
    assert (plain @ plain.T).min() > 0.9
    assert abs((centred @ centred.T).mean()) < 0.01


def test_an_empty_sample_and_fewer_documents_than_clusters() -> None:
    vectors = units(7, 3).astype(np.float16)
    assert teach_centroids(5, False, np.empty((0, 0), np.float16), vectors).places.shape == (3, 16)
    assert [cluster_count(0, 1), cluster_count(0, 2_500), cluster_count(7, 1)] == [1, 3, 7]


@pytest.mark.parametrize("seed", range(3))
def test_who_goes_is_like_one_who_stays(seed: int) -> None:
    """Against the plain loop; 600 documents are more than two strips."""
    vectors, rng = units(seed, 600, kinds=40), np.random.default_rng(seed)
    characters = rng.integers(10, 100, size=600).astype(np.float64)
    stays: list[int] = []
    expected = {}
    for place in range(600):
        alike = {
            other: round(float(vectors[place] @ vectors[other]), 4)
            for other in stays
            if min(characters[place], characters[other]) >= 0.5 * max(characters[place], characters[other])
        }
        if alike and max(alike.values()) >= 0.95:
            expected[place] = max(alike, key=lambda other: (alike[other], -other))
        else:
            stays.append(place)
    found = lose(vectors, characters, 0.95, 0.5)
    assert 0 < len(found) < 600
    assert dict(zip(found["place"].tolist(), found["winner"].tolist(), strict=True)) == expected
    assert not set(found["winner"].tolist()) & set(found["place"].tolist())


def test_a_bucket_settles_each_cluster_alone() -> None:
    entries = entries_of(4)
    entries["characters"], entries["room"], entries["size"] = [100, 120, 100, 100], [0, 1, 0, 1], [1, 2, 1, 3]
    same = np.repeat(units(1, 1), 4, axis=0).astype(np.float16)
    first, second = settle_bucket(2, 0.95, 0.5, (np.array([0, 0, 1, 0]), entries, same))
    assert first[["row", "kind", "matched"]].tolist() == [(0, IS_SEMANTIC, entries["id"][1])]
    assert sorted(second[["row", "kind", "size"]].tolist()) == [(1, IS_KEPT, 6), (3, IS_SEMANTIC, 3)]


def test_changes_leave_lots_and_others_alone() -> None:
    fates = np.zeros(2, FATE)
    fates["row"], fates["kind"], fates["lot"], fates["size"] = [3, 5], [IS_NEAR, IS_KEPT], [30, 50], [0, 2]
    changes = np.zeros(2, FATE)
    changes["row"], changes["kind"], changes["lot"], changes["size"] = [5, 4], [IS_SEMANTIC, IS_KEPT], [1, 2], [2, 3]
    assert with_changes(fates, changes[:1], changes[1:])[["row", "kind", "lot", "size"]].tolist() == [
        (3, IS_NEAR, 30, 0),
        (4, IS_KEPT, 2, 3),
        (5, IS_SEMANTIC, 50, 2),
    ]
    assert with_changes(fates).tolist() == fates.tolist()
