"""Connected components and buckets: the same whatever the order, and enough pairs to connect a large bucket."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.corpus.components import components
from workloads.corpus.duplicates import Losers
from workloads.corpus.near import pairs_of_buckets

EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20)


def slow_components(count: int, edges: list[tuple[int, int]], rank: list[int]) -> list[int]:
    """Repeat until nothing changes: everyone takes the best-ranked of its neighbours' names."""
    names = list(range(count))
    changed = True
    while changed:
        changed = False
        for a, b in edges:
            best = min(names[a], names[b], key=lambda member: rank[member])
            changed |= names[a] != best or names[b] != best
            names[a] = names[b] = best
    return names


@given(EDGES, st.permutations(range(12)), st.randoms(use_true_random=False))
def test_components_are_named_by_their_best_member_in_any_order(
    edges: list[tuple[int, int]], rank: list[int], rng: object
) -> None:
    shuffled = list(edges)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    found = [
        components(12, np.array(order, dtype=np.int64).reshape(-1, 2), np.array(rank)).tolist() for order in (edges, shuffled)
    ]
    assert found[0] == found[1] == slow_components(12, edges, rank)


def test_all_pairs_of_a_small_bucket() -> None:
    keys = np.array([5, 5, 9, 5, 9, 7], dtype=np.uint64)
    rows = np.array([30, 10, 40, 20, 15, 99], dtype=np.uint64)
    assert pairs_of_buckets((keys[:3], rows[:3]), (keys[3:], rows[3:])).tolist() == [[10, 20], [10, 30], [15, 40], [20, 30]]


def test_a_large_bucket_is_connected_without_all_its_pairs() -> None:
    rows = np.arange(1000, dtype=np.uint64)
    pairs = pairs_of_buckets((np.zeros(1000, dtype=np.uint64), rows))
    assert len(pairs) < 2000
    assert set(components(1000, pairs.astype(np.int64), np.arange(1000)).tolist()) == {0}


def test_no_buckets_no_pairs() -> None:
    nothing = np.empty(0, np.uint64)
    assert pairs_of_buckets((nothing, nothing)).shape == (0, 2)
    assert len(Losers.none().rows) == 0
