"""The character n-gram baselines: proper distributions, counts as in the paper, honest about what was never seen."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.text import ngram
from workloads.text.ngram import UNICODE_SCALARS, NGram, train

TEXTS = ["春天种稻子。", "秋天收稻子。", "春天放牛，秋天收牛。", "aba", "一" * 30, ""]


def _next(model: NGram, context: str, characters: list[str]) -> np.ndarray:
    bits = model.bits([context + c for c in characters]) - model.bits([context])[0]
    return np.asarray(2.0**-bits)


@given(
    texts=st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=30), min_size=1, max_size=6),
    context=st.text("春天种稻子。a一\U0001f600", max_size=6),
    order=st.integers(1, 5),
)
def test_probabilities_of_all_of_unicode_sum_to_one(texts: list[str], context: str, order: int) -> None:
    model = train([*TEXTS, *texts], order)
    alphabet = [chr(code) for code in model.alphabet]
    unseen = next(chr(c) for c in range(0x3000, 0x9000) if chr(c) not in alphabet)
    known, other = _next(model, context, alphabet).sum(), _next(model, context, [unseen])[0]
    assert known + other * (UNICODE_SCALARS - len(alphabet)) == pytest.approx(1, abs=1e-9)
    assert other > 0


def test_every_unseen_character_costs_the_same_bits() -> None:
    model = train(TEXTS, 3)
    assert model.bits(["龘"])[0] == pytest.approx(model.bits(["\U0001f600"])[0])
    assert math.log2(UNICODE_SCALARS) < model.bits(["龘"])[0] < math.inf


def test_the_unigram_is_discounted_frequency() -> None:
    model = train(["aaab"], 1)  # counts 3 and 1: too few counts of counts, so a discount of 1/2 each
    escape = (0.5 + 0.5) / 4
    expected = [(2.5 / 4) + escape / UNICODE_SCALARS, (0.5 / 4) + escape / UNICODE_SCALARS]
    np.testing.assert_allclose(_next(model, "", ["a", "b"]), expected)


def test_a_bigram_by_hand() -> None:
    """Texts `ab`, `ab`, `cb`: the lower order counts different predecessors (a: 1 from begin twice seen as raw 2, b: 2)."""
    model = train(["ab", "ab", "cb"], 2)
    bigrams = {("^", "a"): 2, ("^", "c"): 1, ("a", "b"): 2, ("c", "b"): 1}
    assert sorted((model.orders[1].discounted + 0.5).tolist()) == sorted(bigrams.values())
    continuations = {"a": 1, "b": 2, "c": 1}  # a and c each follow only the beginning, b follows a and c
    escape = 3 * 0.5 / 4
    unigram = {c: (n - 0.5) / 4 + escape / UNICODE_SCALARS for c, n in continuations.items()}
    assert _next(model, "a", ["b"])[0] == pytest.approx((2 - 0.5) / 2 + 0.5 / 2 * unigram["b"])
    assert _next(model, "", ["a"])[0] == pytest.approx((2 - 0.5) / 3 + 1.0 / 3 * unigram["a"])
    assert _next(model, "b", ["c"])[0] == pytest.approx(unigram["c"])  # nothing ever followed b


def test_texts_do_not_run_into_each_other() -> None:
    model = train(TEXTS, 4)
    together = model.bits(["春天种稻子。", "", "秋天", "龘春天"])
    alone = [model.bits([text])[0] for text in ("春天种稻子。", "", "秋天", "龘春天")]
    np.testing.assert_allclose(together, alone)
    assert together[1] == 0


def test_a_longer_context_predicts_what_it_has_seen() -> None:
    rng = random.Random(0)
    world = ["".join(rng.choice(("小梅种稻子。", "阿福打铁去。", "老陈修石桥。")) for _ in range(8)) for _ in range(60)]
    heldout, training = world[:10], world[10:]
    bits = [ngram.train(training, order).bits(heldout).sum() / sum(map(len, heldout)) for order in (1, 2, 3, 5)]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < 0.5 < 3 < bits[0]


def test_counts_do_not_depend_on_the_order_of_texts() -> None:
    turned = train(list(reversed(TEXTS)), 5)
    np.testing.assert_allclose(turned.bits(["春天收牛。"]), train(TEXTS, 5).bits(["春天收牛。"]))
