"""Mixtures: shares as asked, repeats bounded, budgets kept, the same documents every time."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cluster.errors import RecipeError
from workloads.tokenizer.mix import PLAIN, MixSpec, Mixture, Share, copies, plan_mixture

TOKENS = {"law": 8_000, "news": 1_600, "poems": 400}


def packed(spec: MixSpec) -> dict[str, float]:
    shares = plan_mixture(TOKENS, spec)
    total = sum(share.packed for share in shares)
    return {share.source: share.packed / total for share in shares}


def test_plain_is_every_document_once() -> None:
    assert MixSpec().is_plain
    assert {share.factor for share in plan_mixture(TOKENS, MixSpec())} == {1.0}


def test_weights_are_shares_of_the_tokens() -> None:
    shares = packed(MixSpec(weights={"law": 0.5, "news": 0.3, "poems": 0.2}, max_repeats=20))
    assert shares == pytest.approx({"law": 0.5, "news": 0.3, "poems": 0.2})


def test_nothing_with_a_weight_is_left_out_without_a_budget() -> None:
    shares = plan_mixture(TOKENS, MixSpec(weights={"law": 0.5, "news": 0.3, "poems": 0.2}, max_repeats=20))
    assert min(share.factor for share in shares) == pytest.approx(1.0)


def test_sources_that_are_not_named_share_the_rest_by_size() -> None:
    shares = packed(MixSpec(weights={"law": 0.5}, max_repeats=20))
    assert shares == pytest.approx({"law": 0.5, "news": 0.4, "poems": 0.1})


def test_a_weight_of_nothing_leaves_a_source_out() -> None:
    assert packed(MixSpec(weights={"law": 0}))["law"] == 0


def test_temperature_flattens() -> None:
    plain, flat = packed(MixSpec()), packed(MixSpec(temperature=3, max_repeats=50))
    assert flat["poems"] > 2 * plain["poems"]
    assert sorted(flat, key=flat.__getitem__) == sorted(plain, key=plain.__getitem__)


def test_no_document_is_packed_more_often_than_allowed() -> None:
    shares = plan_mixture(TOKENS, MixSpec(weights={"poems": 0.9}, max_repeats=4))
    assert max(share.factor for share in shares) == 4


def test_a_budget_is_kept() -> None:
    shares = plan_mixture(TOKENS, MixSpec(tokens=5_000))
    assert sum(share.packed for share in shares) == pytest.approx(5_000)
    assert {share.factor for share in shares} == {0.5}


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError, match=r"weights names lawz.*law, news, poems"):
        plan_mixture(TOKENS, MixSpec(weights={"lawz": 1}))
    with pytest.raises(RecipeError, match="leaves no source"):
        plan_mixture({"law": 5}, MixSpec(weights={"law": 0}))
    with pytest.raises(ValidationError, match="weight is 0"):
        MixSpec(weights={"law": -1})


def test_an_empty_source_stays_at_nothing() -> None:
    assert plan_mixture({"law": 10, "none": 0}, MixSpec()) == (Share("law", 10, 1.0), Share("none", 0, 0.0))


@given(st.floats(0, 5), st.integers(0, 99))
def test_copies_average_to_the_factor(factor: float, seed: int) -> None:
    drawn = [copies(f"{number:020x}", factor, seed) for number in range(2_000)]
    assert set(drawn) <= {int(factor), int(factor) + 1}
    assert abs(sum(drawn) / 2_000 - factor) < 0.06


def test_each_round_packs_what_has_copies_left() -> None:
    table = pa.table({"id": [f"{number:020x}" for number in range(60)], "source": ["a", "b", "c"] * 20})
    mixture = Mixture({"a": 2.5, "b": 1.0, "c": 0.0}, seed=3)
    assert mixture.rounds == 3
    rounds = [mixture.packs(table, repeat).to_pylist() for repeat in range(3)]
    times = {row: sum(each[row] for each in rounds) for row in range(60)}
    assert {times[row] for row in range(1, 60, 3)} == {1}
    assert {times[row] for row in range(2, 60, 3)} == {0}
    assert {times[row] for row in range(0, 60, 3)} == {2, 3}
    assert PLAIN.rounds == 1
    assert all(PLAIN.packs(table, 0).to_pylist())
