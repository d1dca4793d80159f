"""The nearest question of a scope is found; the oldest ones make room."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.semantic.index import Entry, Index, Vector


def vector(degrees: float) -> Vector:
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def test_scopes_do_not_see_each_other() -> None:
    index = Index(10)
    index.add(Entry("a", "甲", "1"), vector(0))
    index.add(Entry("a", "乙", "2"), vector(50))
    index.add(Entry("b", "丙", "3"), vector(31))
    found = index.nearest("a", vector(30))
    assert found is not None
    assert (found[0].key, found[1]) == ("2", pytest.approx(np.cos(np.radians(20)), abs=1e-6))
    assert index.nearest("c", vector(0)) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 359)), max_size=40))
def test_the_newest_are_kept_and_found(added: list[tuple[str, int]]) -> None:
    index = Index(7)
    for number, (scope, degrees) in enumerate(added):
        index.add(Entry(scope, "", str(number)), vector(degrees))
    kept = list(enumerate(added))[-7:]
    assert len(index) == len(kept)
    for scope in "abc":
        there = [(number, degrees) for number, (each, degrees) in kept if each == scope]
        found = index.nearest(scope, vector(90))
        assert (found is None) == (not there)
        if found is not None:
            assert found[1] == pytest.approx(max(np.sin(np.radians(degrees)) for _, degrees in there), abs=1e-6)
