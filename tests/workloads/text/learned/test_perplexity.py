"""The perplexity model: the n-gram model's own bits in one array, proper after pruning, high for what reads badly."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.text.learned.piles import junk, prose, shuffled
from workloads.text.learned.perplexity import PerplexityModel
from workloads.text.learned.teach_perplexity import TaughtPerplexity, compact, teach_perplexity
from workloads.text.ngram import UNICODE_SCALARS, train

TEXTS = ["春天种稻子。", "秋天收稻子。", "春天放牛，秋天收牛。", "aba", "一" * 30]
REFERENCE = [prose(number) for number in range(200)]


def bits(model: PerplexityModel, text: str) -> float:
    return model.score(text) * len(text)


@pytest.fixture(scope="module")
def taught() -> TaughtPerplexity:
    return teach_perplexity(REFERENCE)


@given(text=st.text("春天种稻子收牛。ab一龘\U0001f600", min_size=1, max_size=40), order=st.integers(1, 5))
def test_the_array_gives_the_bits_of_the_model(text: str, order: int) -> None:
    model = train(TEXTS, order)
    assert bits(compact(model)[0], text) == pytest.approx(model.bits([text])[0], abs=len(text) * order / 2047)


@pytest.mark.parametrize("most", [40, 400, 1000])
def test_after_pruning_the_probabilities_of_all_of_unicode_sum_to_one(most: int) -> None:
    counted = train(REFERENCE[:60], 4)
    model, grams = compact(counted, most)
    assert grams <= max(most, len(counted.orders[0].keys) + 1)
    assert grams < sum(len(order.keys) for order in counted.orders)
    alphabet = [chr(code) for code in counted.alphabet]
    for context in ("", "雨停了", "他心里想，", "龘"):
        before = bits(model, context) if context else 0.0
        known = sum(2 ** (before - bits(model, context + character)) for character in alphabet)
        unseen = 2 ** (before - bits(model, context + "\U0001f600"))
        assert known + unseen * (UNICODE_SCALARS - len(alphabet)) == pytest.approx(1, abs=5e-3)


def test_fewer_ngrams_say_less() -> None:
    counted, unseen = train(REFERENCE, 4), [prose(number) for number in range(500, 540)]
    sizes = [compact(counted, most) for most in (10_000_000, 2000, 300)]
    assert sorted((grams for _, grams in sizes), reverse=True) == [grams for _, grams in sizes]
    costs = [np.mean([model.score(text) for text in unseen]) for model, _ in sizes]
    assert costs == sorted(costs)


def test_good_text_is_cheap_and_junk_is_dear(taught: TaughtPerplexity) -> None:
    fresh = [taught.model.score(prose(number)) for number in range(1000, 1040)]
    noise = [taught.model.score(junk(number)) for number in range(1000, 1040)]
    mixed = [taught.model.score(shuffled(prose(number), number)) for number in range(1000, 1040)]
    assert max(fresh) < min(*noise, *mixed)
    assert taught.heldout == tuple(sorted(taught.heldout))
    assert taught.heldout[0] <= np.mean(fresh) <= taught.heldout[-1]


def test_edges(taught: TaughtPerplexity) -> None:
    assert taught.model.score("") == 0
    assert math.log2(UNICODE_SCALARS) < taught.model.score("龘") < math.inf
    assert taught.model.score("\ud800") == taught.model.score("龘")
    text = (prose(3) * 100)[: taught.model.characters]
    assert taught.model.score(text + "龘" * 1000) == taught.model.score(text)


def test_the_same_texts_teach_the_same_model_in_any_order(taught: TaughtPerplexity) -> None:
    again = teach_perplexity(random.Random(1).sample(REFERENCE, len(REFERENCE)) + REFERENCE[:5])
    assert again.model.table.tobytes() == taught.model.table.tobytes()
    assert (again.heldout, again.grams) == (taught.heldout, taught.grams)


def test_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="19 texts"):
        teach_perplexity(REFERENCE[:19] * 3)
