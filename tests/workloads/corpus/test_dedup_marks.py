"""The bitmap that tells which documents of an older corpus matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workloads.corpus.dedup.cards import CARD
from workloads.corpus.dedup.marks import bits_for, join_marks, mark, marked

BANDS = 20


def keys_of(documents: int, seed: int) -> tuple[NDArray[np.void], NDArray[np.uint64]]:
    """Cards with digests, and keys of bands, of made-up documents."""
    rng = np.random.default_rng(seed)
    cards = np.zeros(documents, CARD)
    cards["first"] = rng.integers(0, 1 << 64, documents, np.uint64)
    return cards, rng.integers(0, 1 << 64, (documents, BANDS), np.uint64)


def passing(bitmap: NDArray[np.uint8], cards: NDArray[np.void], bands: NDArray[np.uint64]) -> float:
    """The share of documents of which a key seems to be in the bitmap."""
    hit = marked(bitmap, cards["first"]) | marked(bitmap, bands.ravel()).reshape(bands.shape).any(axis=1)
    return float(hit.mean())


@pytest.mark.parametrize("documents", [1, 1_000, 1_500, 20_000])
def test_all_that_is_marked_passes_and_few_others(documents: int) -> None:
    power = bits_for(documents, BANDS)
    cards, bands = keys_of(documents, 1)
    half = documents // 2
    bitmap = join_marks(mark(power, cards[:half], bands[:half]), mark(power, cards[half:], bands[half:]))
    assert np.array_equal(bitmap, mark(power, cards, bands))
    assert marked(bitmap, cards["first"]).all()
    assert marked(bitmap, bands.ravel()).all()
    assert passing(bitmap, *keys_of(5_000, 2)) < 0.03


def test_nothing_marked_lets_nothing_pass() -> None:
    cards, bands = keys_of(0, 1)
    assert passing(mark(bits_for(0, BANDS), cards, bands), *keys_of(100, 2)) == 0


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.lists(st.integers(0, 2**64 - 1), max_size=40))
def test_a_bitmap_passes_all_that_it_has_seen(left: list[int], right: list[int]) -> None:
    bands = [np.array(keys, np.uint64).reshape(-1, 1) for keys in (left, right)]
    bitmap = join_marks(*(mark(16, np.zeros(0, CARD), each) for each in bands))
    assert marked(bitmap, np.array(left + right, np.uint64)).all()
