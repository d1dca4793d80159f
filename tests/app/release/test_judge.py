"""What the judge makes of answers."""

import random
from dataclasses import replace

import pytest

from app.gateway.observation import Observation
from app.release.judge import Judge, summary
from app.release.spec import ReleaseSpec


def answers(draws: random.Random, count: int, share: float) -> list[Observation]:
    return [
        Observation(
            "lm",
            draws.random() < share,
            request=draws.getrandbits(60),
            seconds=draws.lognormvariate(0, 0.5),
            first_token=draws.lognormvariate(-2, 0.5),
            per_token=draws.lognormvariate(-4, 0.3),
        )
        for _ in range(count)
    ]


def test_a_good_revision_is_not_called_worse() -> None:
    for seed in range(20):
        judge, draws = Judge(ReleaseSpec()), random.Random(seed)
        for second in range(100):
            judge.see(answers(draws, 10, 0.3), second)
            assert judge.worse() == ""


def test_answers_of_one_revision_wait_for_some_of_the_other() -> None:
    judge = Judge(ReleaseSpec())
    for second in range(5):
        judge.see([Observation("lm", True, failed="x", request=second)], second)
    assert judge.findings()[0].value == 1.0
    judge.see([Observation("lm", False, request=100 + n) for n in range(40)], 5.5)
    assert judge.findings()[0].check == "errors"
    assert judge.findings()[0].value > 100


def test_but_not_for_ever() -> None:
    judge = Judge(ReleaseSpec())
    judge.see([Observation("lm", True, failed="x", request=n) for n in range(9)], 0.0)
    judge.see([Observation("lm", True, request=50)], 60.0)
    judge.see([Observation("lm", False, request=100 + n) for n in range(40)], 61.0)
    assert judge.findings()[0].value == 1.0, "answers of another minute are not compared"


def test_one_request_that_fails_again_and_again_counts_once() -> None:
    judge = Judge(ReleaseSpec())
    for second in range(30):
        poison = Observation("lm", True, failed="x", request=7)
        judge.see([poison, *(Observation("lm", False, request=100 * second + n) for n in range(9))], second)
    assert judge.worse() == ""
    assert "1 of 1 answers" in summary(judge)["errors"]


def test_a_step_counts_what_the_new_one_answered_in_it() -> None:
    judge = Judge(ReleaseSpec())
    seen = Observation("lm", True)
    judge.see([seen, replace(seen, left=True), replace(seen, rating=1), replace(seen, trial=False)], 0)
    assert judge.step_answers == 1
    judge.begin_step()
    assert judge.step_answers == 0


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"left": True}, "left"),
        ({"rating": -1}, "rating"),
        ({"faults": ("empty",)}, "empty"),
        ({"per_token": 0.9}, "per_token"),
    ],
)
def test_each_check_has_its_own_figures(change: dict[str, object], check: str) -> None:
    judge, draws = Judge(ReleaseSpec()), random.Random(5)
    for second in range(60):
        told = [replace(each, **change) if each.trial else each for each in answers(draws, 10, 0.3)]  # type: ignore[arg-type]
        rated = [Observation("lm", False, rating=1)] if check == "rating" else []
        judge.see([*told, *rated], second)
    assert judge.worse().startswith(f"{check}: ")
    assert judge.suspicion().startswith(f"{check}: ")


def test_bits_of_the_same_text() -> None:
    judge = Judge(ReleaseSpec(bits=1.02))
    for _ in range(10):
        judge.see_bits(4.0, 4.05)
    assert judge.worse() == ""
    for _ in range(60):
        judge.see_bits(4.0, 4.2)
    assert judge.worse().startswith("bits: 4.179 bits per character against 4.000, worse on 60 of 70 texts")
