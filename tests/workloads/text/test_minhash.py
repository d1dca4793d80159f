"""Shingles, true Jaccard and MinHash bands, against plain Python sets."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.text.minhash import BANDS, band_keys
from workloads.text.shingles import jaccard, shingle_hashes, shingle_set

HAN = "".join(chr(0x4E00 + number) for number in range(800))


def grams(text: str, length: int = 5) -> set[str]:
    return {text[at : at + length] for at in range(len(text) - length + 1)} or {text}


@given(st.text(HAN[:6], min_size=1, max_size=60), st.text(HAN[:6], min_size=1, max_size=60))
def test_jaccard_is_that_of_the_sets(one: str, other: str) -> None:
    left, right = grams(one), grams(other)
    expected = len(left & right) / len(left | right)
    assert jaccard(shingle_set(one), shingle_set(other)) == pytest.approx(expected)


def test_shingles_of_short_and_empty_text() -> None:
    assert len(shingle_hashes("")) == 0
    assert len(shingle_hashes("短文")) == 1
    assert len(shingle_hashes("一二三四五")) == 1
    assert len(shingle_hashes("一二三四五六")) == 2
    assert jaccard(shingle_set(""), shingle_set("")) == 1.0


def edited(text: str, share: float, rng: random.Random) -> str:
    return "".join(rng.choice(HAN) if rng.random() < share else character for character in text)


def test_copies_with_few_edits_share_a_band_and_strangers_do_not() -> None:
    rng = random.Random(5)
    originals = ["".join(rng.choices(HAN, k=500)) for _ in range(100)]
    copies = [edited(text, 0.01, rng) for text in originals]
    keys = [np.frombuffer(each, "<u8") for each in band_keys(originals + copies)]
    shared = [bool(np.isin(keys[i], keys[100 + i]).any()) for i in range(100)]
    strangers = [bool(np.isin(keys[i], keys[(i + 1) % 100]).any()) for i in range(100)]
    assert sum(shared) == 100
    assert sum(strangers) == 0


def test_keys_do_not_depend_on_the_company() -> None:
    texts = [HAN[:50], "", HAN[100:103], HAN[200:400]]
    together = band_keys(texts)
    assert together == [band_keys([text])[0] for text in texts]
    assert [len(key) for key in together] == [8 * BANDS, 0, 8 * BANDS, 8 * BANDS]
    assert band_keys([]) == []
