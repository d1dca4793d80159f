"""A bound on wrong hits that is proven on pairs that did not choose it, and refused where it cannot be."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.semantic.calibration import (
    Calibration,
    Judged,
    least_pairs,
    may_share,
    prove,
    read_calibration,
    upper_bound,
)
from cluster.errors import InputError, UserError


@pytest.mark.parametrize(
    ("wrong", "hits", "confidence", "bound"),
    [(0, 10, 0.95, 0.25887), (1, 10, 0.95, 0.39416), (5, 100, 0.975, 0.11283), (0, 299, 0.95, 0.00997), (3, 3, 0.95, 1.0)],
)
def test_the_bound_is_that_of_clopper_and_pearson(wrong: int, hits: int, confidence: float, bound: float) -> None:
    assert upper_bound(wrong, hits, confidence) == pytest.approx(bound, abs=1e-5)


@given(st.integers(1, 500), st.data())
def test_the_bound_rises_with_what_is_wrong_and_lies_above_it(hits: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, hits - 1))
    assert wrong / hits < upper_bound(wrong, hits, 0.9) <= upper_bound(wrong + 1, hits, 0.9)


def letters(number: int) -> str:
    """A question without figures, for each number another one."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def world(seed: int, pairs: int, worst: float) -> list[Judged]:
    """Pairs of which those of similarity 1 are right, and fewer the less alike they are."""
    draws = random.Random(seed)
    alike = [draws.random() for _ in range(pairs)]
    return [Judged(letters(draws.getrandbits(40)), "f", near, draws.random() > worst * (1 - near)) for near in alike]


def test_what_is_promised_is_kept_as_often_as_it_is_promised() -> None:
    """Of the hits from t on in this world (1 - t) / 4 are wrong in truth."""
    broken = promised = 0
    for seed in range(40):
        try:
            proof = prove(world(seed, 2000, 0.5), allowed=0.05, confidence=0.8)
        except UserError:
            continue
        promised += 1
        broken += (1 - proof.threshold) / 4 > 0.05
    assert promised > 10
    assert 0 < broken / 40 < 0.2


def test_better_vectors_prove_a_lower_threshold() -> None:
    good, bad = (prove(world(1, 3000, worst), 0.05, 0.95).threshold for worst in (0.1, 0.2))
    assert good < bad


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([], "no similarity is high enough"),
        ([Judged(letters(n), "f", 0.9, True) for n in range(100)], "299 right pairs"),
        ([Judged(letters(n), "f", 0.9, n % 5 > 0) for n in range(2000)], "no similarity is high enough"),
    ],
)
def test_what_cannot_be_shown_is_refused(pairs: list[Judged], says: str) -> None:
    with pytest.raises(UserError, match=says):
        prove(pairs, 0.01, 0.95)
    assert least_pairs(0.01, 0.95) == 299


def test_what_is_asked_again_and_again_is_all_in_one_half() -> None:
    right = [Judged(letters(number), "f", 0.9, True) for number in range(2000)]
    wrong = [Judged("怎么还款", "f", 0.9, False)] * 1000
    with pytest.raises(UserError, match="are wrong, so up to"):
        prove(right + wrong, 0.01, 0.95)
    assert prove(right, 0.01, 0.95).wrong == 0


@pytest.mark.parametrize(
    ("asked", "found", "may"),
    [
        ("怎么还款", "如何还款", True),
        ("第3条", "第３条", True),
        ("第3条", "第4条", False),
        ("第三条", "第四条", False),
        ("3月5日", "5月3日", False),
        ("三年", "年", False),
    ],
)
def test_numbers_must_be_the_same(asked: str, found: str, may: bool) -> None:
    assert may_share(asked, found) is may
    if not may:
        pairs = [Judged(f"{asked}{letters(n)}", f"{found}{letters(n)}", 0.9, True) for n in range(2000)]
        with pytest.raises(UserError, match="0 pairs"):
            prove(pairs, 0.01, 0.95)


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    kept = Calibration(
        model="a", fingerprint="b", threshold=0.9, allowed=0.01, confidence=0.95, hits=300, wrong_hits=0, at_most=0.0099
    )
    (tmp_path / "good.json").write_text(kept.model_dump_json(), encoding="utf-8")
    assert read_calibration(str(tmp_path / "good.json")) == kept
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    for name in ("bad.json", "none.json"):
        with pytest.raises(InputError, match="not a calibration"):
            read_calibration(str(tmp_path / name))
