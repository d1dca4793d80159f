"""The pure parts of deduplication: the same for any order and any number of partitions, and right where a slow way says so."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.corpus.dedup.candidates import KEY, pairs_of_buckets, unique_pairs
from workloads.corpus.dedup.cards import CARD, FREE, HELDOUT, OLD, TRAIN, Policy, by_preference
from workloads.corpus.dedup.clusters import MEMBER, MOVED, resolve_equal, settle_groups
from workloads.corpus.dedup.components import both_ways, label, labels_of_edges, large_star, small_star
from workloads.corpus.dedup.exact import group_equal, losers
from workloads.corpus.dedup.fates import ALWAYS, IS_EXACT, IS_KEPT, IS_NEAR, NEVER, Survey, heldout_below
from workloads.corpus.dedup.layout import Layout, Table, divide, joined
from workloads.corpus.dedup.verify import LINK, compare
from workloads.corpus.shuffle import columns
from workloads.text.fold import fold

ONE = Layout(1, 1, 1)
EDGES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=25)


def table(kind: np.dtype, **values: list[object]) -> Table:
    made = np.zeros(len(next(iter(values.values()))), kind)
    for name, column in values.items():
        made[name] = column
    return made


def links(edges: list[tuple[int, int]]) -> Table:
    return table(LINK, a=[a for a, _ in edges], b=[b for _, b in edges])


def by_stars(edges: list[tuple[int, int]], pieces: int, partitions: int) -> dict[int, int]:
    """The partitioned way without Ray: rounds of both stars until nothing changes."""
    layout = Layout(partitions, 1, 1)
    parts = columns([both_ways(layout, links(edges[at::pieces])) for at in range(pieces)])
    before: list[object] = []
    for _ in range(20):
        small = [small_star(layout, *part) for part in columns([large_star(layout, *part) for part in parts])]
        parts, sums = columns([each[1:] for each in small]), [each[0] for each in small]
        if sums == before:
            labels = [labels_of_edges(*part) for part in parts]
            return {int(row): int(root) for part in labels for row, root in part.tolist()}
        before = sums
    raise AssertionError("no end")


@given(EDGES, st.integers(1, 3), st.integers(2, 5))
def test_stars_of_partitions_end_in_the_components(edges: list[tuple[int, int]], pieces: int, partitions: int) -> None:
    rows, roots = label(links(edges)["a"], links(edges)["b"])
    alone = {int(row) for row in rows} - {end for edge in edges if edge[0] != edge[1] for end in edge}
    expected = {int(row): int(root) for row, root in zip(rows, roots, strict=True) if int(row) not in alone}
    assert by_stars(edges, pieces, partitions) == expected


@given(EDGES, st.randoms(use_true_random=False))
def test_components_are_named_by_their_smallest_member_in_any_order(edges: list[tuple[int, int]], rng: random.Random) -> None:
    names = dict(zip(range(15), range(15), strict=True))
    for _ in names:
        for a, b in edges:
            names[a] = names[b] = min(names[a], names[b])
    shuffled = edges.copy()
    rng.shuffle(shuffled)
    rows, roots = label(links(shuffled)["b"], links(shuffled)["a"])
    assert dict(zip(rows.tolist(), roots.tolist(), strict=True)) == {row: names[row] for row in rows.tolist()}


def test_a_long_chain_ends_in_one_star() -> None:
    assert set(by_stars([(place, place + 1) for place in range(300)], 7, 4).values()) == {0}


def test_all_pairs_of_a_small_bucket_each_once_in_any_order() -> None:
    keys = table(KEY, key=[5, 5, 9, 5, 9, 7, 8, 8], row=[30, 10, 40, 20, 15, 99, 10, 20])
    expected = [(10, 20), (10, 30), (20, 30), (15, 40)]
    for order in (slice(None), slice(None, None, -1)):
        found = pairs_of_buckets(ONE, keys[order][:3], keys[order][3:])[0]
        assert list(zip(found["a"].tolist(), found["b"].tolist(), strict=True)) == expected


def test_a_large_bucket_is_connected_without_all_its_pairs() -> None:
    pairs = pairs_of_buckets(ONE, table(KEY, key=[1] * 1000, row=list(range(1000))))[0]
    assert len(pairs) < 2000
    assert set(label(pairs["a"], pairs["b"])[1].tolist()) == {0}


def test_old_documents_are_not_compared_with_each_other() -> None:
    old = [int(OLD) + 1, int(OLD) + 2]
    for crowd in (1, 100):
        pairs = pairs_of_buckets(ONE, table(KEY, key=[1] * (2 + crowd), row=[*range(crowd), *old]))[0]
        assert (pairs["b"] < OLD).all()
        assert {(old[0], new) for new in range(crowd)} <= set(zip(pairs["a"].tolist(), pairs["b"].tolist(), strict=True))


def test_no_keys_no_pairs() -> None:
    assert len(pairs_of_buckets(Layout(1, 3, 3), np.empty(0, KEY))[0]) == 0
    assert len(unique_pairs(pairs_of_buckets(ONE, table(KEY, key=[1], row=[1]))[0])) == 0


def test_similarity_is_that_of_the_folded_texts_and_below_the_least_nothing_is_linked() -> None:
    texts = [
        fold(text) for text in ("春眠不觉晓，处处闻啼鸟。", "春眠不覺曉,處處聞啼鳥!", "春眠不觉晓，处处闻啼鸡。", "夜来风雨声")
    ]
    pairs = unique_pairs(pairs_of_buckets(ONE, table(KEY, key=[1] * 4, row=[0, 1, 2, 3]))[0])
    found = compare(pairs, np.arange(4, dtype=np.uint64), pa.array(texts, pa.large_string()), 0.5)
    assert [tuple(link) for link in found.tolist()] == [(0, 1, 1.0), (0, 2, 5 / 7), (1, 2, 5 / 7)]


def cards(**values: list[object]) -> Table:
    size = len(next(iter(values.values())))
    return table(CARD, **{"row": list(range(size)), "id": [f"{number:020x}" for number in range(size)], **values})


def test_of_equal_documents_the_longest_then_the_simplified_then_the_smallest_id_stays() -> None:
    assert by_preference(cards(characters=[5, 7, 7], traditional=[0, 3, 0])).tolist() == [2, 1, 0]
    assert by_preference(cards(characters=[5, 5], id=[b"b", b"a"])).tolist() == [1, 0]
    assert by_preference(cards(characters=[9, 1], preference=[1.0, 0.5])).tolist() == [1, 0]


def test_policies_prefer_new_good_and_preferred() -> None:
    block = pa.table({"source": ["网页", "书", "报"], "date": [1.0, np.nan, 2.0], "score": [0.5, 0.9, np.nan]})
    assert Policy("longest").preference(block).tolist() == [0, 0, 0]
    assert Policy("newest").preference(block).tolist() == [-1, np.inf, -2]
    assert Policy("best_quality").preference(block).tolist() == [-0.5, -0.9, np.inf]
    assert Policy("preferred_source", ("书", "报")).preference(block).tolist() == [2, 0, 1]


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_groups_of_equal_digests_in_any_pieces(pieces: int) -> None:
    found = cards(first=[1, 2, 1, 2, 1, 3], second=[7, 7, 7, 8, 7, 7], characters=[3, 9, 4, 9, 4, 9], room=[0, 1, 0, 1, 0, 1])
    layout = Layout(2, 2, 2)
    exact = joined(group_equal(layout, *(found[at::pieces] for at in range(pieces)))[:2])
    assert sorted(zip(exact["row"].tolist(), exact["winner"].tolist(), exact["copies"].tolist(), strict=True)) == [
        (0, 2, 0),
        (2, 2, 3),
        (4, 2, 0),
    ]
    assert sorted(losers(exact)["row"].tolist()) == [0, 4]


def members(**values: list[object]) -> Table:
    size = len(next(iter(values.values())))
    rows = list(range(size))
    identities = [f"{number:020x}" for number in rows]
    return table(MEMBER, **{"row": rows, "id": identities, "copies": [1] * size, "root": rows, "side": [0] * size, **values})


def test_one_of_a_group_stays_and_counts_the_copies_of_all() -> None:
    found = members(characters=[5, 9, 7], root=[0, 0, 2], copies=[1, 3, 1], best=[0.9, 0.9, 0.6])
    fates, moved = settle_groups(ONE, found)
    by_row = {fate["row"]: fate for fate in fates}
    assert [int(by_row[row]["kind"]) for row in range(3)] == [IS_NEAR, IS_KEPT, IS_KEPT]
    assert (by_row[0]["matched"], by_row[0]["value"], by_row[1]["size"]) == (b"%020x" % 1, 0.9, 4)
    assert {int(each["lot"]) for each in fates} == {0}  # of the smallest id of all, dropped or not
    assert moved.tolist() == [(1, b"%020x" % 1, 0.0)]


def test_old_documents_stay_and_draw_their_side_along() -> None:
    old = int(OLD)
    found = members(row=[0, old, old + 1], root=[0, 0, 0], held=[FREE, TRAIN, TRAIN], preference=[0, -np.inf, -np.inf])
    fates = settle_groups(ONE, found)[0]
    assert fates[["row", "kind", "lot"]].tolist() == [(0, IS_NEAR, NEVER)]
    aside = members(row=[0, old, old + 1], held=[FREE, TRAIN, HELDOUT], preference=[0, -np.inf, -np.inf])
    assert settle_groups(ONE, aside)[0][["kind", "lot"]].tolist() == [(IS_KEPT, ALWAYS)]


def test_many_that_resemble_each_other_are_trained_on() -> None:
    assert set(settle_groups(ONE, members(side=[0] * 500))[0]["lot"].tolist()) == {NEVER}


def test_exact_copies_follow_what_stands_for_them() -> None:
    exact = joined(group_equal(ONE, cards(first=[1, 1, 2, 2], characters=[2, 1, 2, 1]))[1:])
    moved = table(MOVED, row=[2], winner_id=[b"f" * 20], value=[0.9])
    fates = resolve_equal(ONE, 1, exact, moved)[0]
    found = {int(fate["row"]): (int(fate["kind"]), fate["value"], fate["matched"], int(fate["size"])) for fate in fates}
    assert found == {0: (IS_KEPT, 0, b"", 2), 1: (IS_EXACT, 1, b"%020x" % 0, 0), 3: (IS_NEAR, 0.9, b"f" * 20, 0)}


@given(st.lists(st.integers(0, 6), max_size=30))
def test_dividing_keeps_everything_in_order(places: list[int]) -> None:
    rows = table(np.dtype([("row", "<u8")]), row=list(range(len(places))))
    parts = divide(rows, np.array(places, np.uint64), 7)
    assert [part["row"].tolist() for part in parts] == [
        [row for row, place in enumerate(places) if place == part] for part in range(7)
    ]


def test_at_least_one_is_held_out_and_never_all() -> None:
    assert heldout_below(0.5, Survey(1, 1, 9, 5, 5)) == 0
    assert heldout_below(0.0, Survey(2, 2, 9, 5, 50)) == 6
    assert heldout_below(0.9999, Survey(2, 2, 9, 5, 50)) == 50
