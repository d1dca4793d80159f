"""The quality model: features as they are told, good from bad, honest probabilities, the same from the same texts."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.text.learned.piles import junk, prose, shuffled
from workloads.text.learned.evidence import auc, weigh
from workloads.text.learned.quality import features
from workloads.text.learned.teach_quality import Taught, teach_quality

GOOD, BAD = [prose(number) for number in range(300)], [junk(number) for number in range(300)]


@pytest.fixture(scope="module")
def taught() -> Taught:
    return teach_quality(GOOD, BAD)


@given(st.text("春天种稻子。a一\n\U0001f600", max_size=30), st.integers(1, 4))
def test_features_are_scaled_logarithms_of_counts(text: str, longest: int) -> None:
    grams = Counter(text[at : at + length] for length in range(1, longest + 1) for at in range(len(text) - length + 1))
    buckets, values = features(text, longest, bits=31)
    assert len(set(buckets.tolist())) == len(buckets) == len(grams)  # no two of so few share one of 2^31 buckets
    logarithms = np.array([math.log1p(count) for count in grams.values()])
    expected = logarithms / max(np.sqrt((logarithms**2).sum()), 1e-9)
    assert sorted(values.tolist()) == pytest.approx(sorted(expected.tolist()), rel=1e-5)


def test_few_buckets_are_shared() -> None:
    buckets, values = features(prose(1), 3, 4)
    assert len(buckets) == 16
    assert (values**2).sum() == pytest.approx(1, rel=1e-5)


def test_which_digit_it_is_makes_no_feature() -> None:
    one, other = features("共123页"), features("共987页")
    assert one[0].tolist() == other[0].tolist()


def test_good_is_told_from_bad_on_texts_held_out(taught: Taught) -> None:
    assert (taught.evidence.good, taught.evidence.bad) == (45, 45)
    assert taught.evidence.auc > 0.99
    at_half = next(line for line in taught.evidence.lines if line.threshold == 0.5)
    assert min(at_half.precision, at_half.recall) > 0.95
    assert [line.recall for line in taught.evidence.lines] == sorted(
        (line.recall for line in taught.evidence.lines), reverse=True
    )


def test_scores_of_texts_never_seen(taught: Taught) -> None:
    assert min(taught.model.score(prose(number)) for number in range(1000, 1040)) > 0.5
    assert max(taught.model.score(junk(number)) for number in range(1000, 1040)) < 0.5
    assert all(0 <= taught.model.score(text) <= 1 for text in ("", "\n", "字", "\ud800", "a" * 100_000))


def test_only_the_beginning_counts(taught: Taught) -> None:
    text = (prose(1) * 50)[: taught.model.characters]
    assert taught.model.score(text + junk(2) * 100) == taught.model.score(text)


def test_the_same_texts_teach_the_same_model_in_any_order(taught: Taught) -> None:
    rng = random.Random(3)
    again = teach_quality(rng.sample(GOOD, len(GOOD)) + GOOD[:10], rng.sample(BAD, len(BAD)))
    assert again.model.weights.tobytes() == taught.model.weights.tobytes()
    assert (again.model.bias, again.evidence) == (taught.model.bias, taught.evidence)


def test_a_text_in_both_piles_teaches_nothing(taught: Taught) -> None:
    again = teach_quality([*GOOD, "两边都有的一篇。"], [*BAD, "两边都有的一篇。"])
    assert again.in_both == 1
    assert again.model.weights.tobytes() == taught.model.weights.tobytes()


def test_scores_are_probabilities_where_the_piles_overlap() -> None:
    texts = [prose(number) for number in range(5000, 6000)]
    good, bad = texts[:500], [*texts[500:750], *(junk(number) for number in range(250))]
    found = teach_quality(good, bad)
    assert found.model.score(prose(9000)) == pytest.approx(2 / 3, abs=0.15)  # of as many of either, 1 to a half
    assert found.evidence.calibration < 0.15


def test_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="19 good and 300 bad"):
        teach_quality(GOOD[:19] * 5, BAD)


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auc_is_the_chance_of_a_higher_score(good: list[int], bad: list[int]) -> None:
    pairs = [(g > b) + (g == b) / 2 for g in good for b in bad]
    assert auc(np.array(good, float), np.array(bad, float)) == pytest.approx(sum(pairs) / len(pairs))


def test_evidence_counts_both_piles_alike() -> None:
    scores, good = np.array([0.9, 0.6, 0.95, 0.2, 0.1, 0.1]), np.array([True, True, False, False, False, False])
    found = weigh(scores, good)
    at = {line.threshold: line for line in found.lines}
    assert (at[0.5].recall, at[0.5].bad_kept, at[0.5].precision) == (1.0, 0.25, 0.8)
    assert (at[0.7].recall, at[0.7].bad_kept) == (0.5, 0.25)
    assert found.auc == pytest.approx(6 / 8)


def test_shuffled_characters_are_another_text_to_it(taught: Taught) -> None:
    assert taught.model.score(shuffled(prose(7), 1)) < 0.5 < taught.model.score(prose(7))
