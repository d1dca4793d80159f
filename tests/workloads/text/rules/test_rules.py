"""Each rule on Chinese pairs: the bad texts are dropped by that rule, the good ones are kept by all."""

import math

import pytest

from tests.workloads.text.plain_entropy import entropy
from tests.workloads.text.rules.bad import BAD
from tests.workloads.text.rules.good import GOOD, NEWS
from workloads.corpus.rules_spec import RulesSpec
from workloads.text.normalise import normalise
from workloads.text.rules import RULES as EVERY_RULE
from workloads.text.rules import Measured, build_rules, judge
from workloads.text.rules.learned import LEARNED

RULES = tuple(rule for rule in EVERY_RULE if rule not in LEARNED)
RULE_NAMES = tuple(rule.name for rule in RULES)
THRESHOLDS = RulesSpec().thresholds()
BY_NAME = {rule.name: rule for rule in RULES}


@pytest.mark.parametrize("name", GOOD)
def test_good_chinese_passes_every_rule(name: str) -> None:
    text = Measured(normalise(GOOD[name]))
    for rule in build_rules(THRESHOLDS):
        verdict = rule.judge(text)
        assert verdict.keep, verdict


@pytest.mark.parametrize(("rule", "number"), [(rule, number) for rule, texts in BAD.items() for number in range(len(texts))])
def test_bad_text_is_dropped_by_its_rule_alone(rule: str, number: int) -> None:
    text = Measured(BAD[rule][number])
    verdict = judge(text, build_rules({rule: THRESHOLDS[rule]}))
    assert not verdict.keep, BY_NAME[rule].measure(text)
    assert (verdict.rule, verdict.threshold) == (rule, THRESHOLDS[rule])
    assert verdict.value == BY_NAME[rule].measure(text)


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_bad_text_does_not_pass_all_rules_together(rule: str) -> None:
    assert len(BAD[rule]) >= 3
    for text in BAD[rule]:
        assert not judge(Measured(text), build_rules(THRESHOLDS)).keep


def test_every_rule_has_bad_texts_a_threshold_and_a_meaning() -> None:
    assert set(RULE_NAMES) == set(BAD) == set(RulesSpec.model_fields) == set(THRESHOLDS)
    assert list(THRESHOLDS) == list(RULE_NAMES)
    assert all(rule.meaning.format(THRESHOLDS[rule.name]) != rule.meaning for rule in RULES)


def test_null_switches_a_rule_off() -> None:
    thresholds = RulesSpec(length=None).thresholds()
    assert set(RULE_NAMES) - set(thresholds) == {"length"}
    assert judge(Measured("好的，明天上午见，路上小心。"), build_rules(thresholds)).keep


@pytest.mark.parametrize(
    "text", ["", " \n \n", "。", "字", "a", "\ud83d", *GOOD.values(), *(texts[0] for texts in BAD.values())]
)
def test_measures_are_finite_and_shares_are_shares(text: str) -> None:
    for rule in RULES:
        measured = Measured(text)
        value = rule.measure(measured)
        assert math.isfinite(value)
        assert 0 <= value <= (len(text) if rule.name == "length" else 20 if rule.name == "entropy" else 1), rule.name


def test_the_cheaper_ceiling_decides_like_the_measure() -> None:
    for texts in (GOOD.values(), *BAD.values()):
        for text in texts:
            for rule in build_rules({**THRESHOLDS, "top_4gram": 0.1, "duplicate_9gram": 0.05}):
                measured = Measured(text)
                assert rule.judge(measured).keep == rule.keeps(rule.measure(measured))


def test_entropy_is_shannons() -> None:
    text = "春春夏 夏夏秋\n冬"
    shares = [2 / 7, 3 / 7, 1 / 7, 1 / 7]
    assert entropy(text) == pytest.approx(-sum(share * math.log2(share) for share in shares))
    assert entropy(" ") == 0.0


def test_repetition_is_measured_on_letters_only() -> None:
    spaced = "、".join(NEWS)
    for name in ("top_2gram", "duplicate_5gram", "duplicate_13gram"):
        assert BY_NAME[name].measure(Measured(spaced)) == BY_NAME[name].measure(Measured(NEWS))


@pytest.mark.parametrize("length", [2, 3, 4, 5, 9, 13])
def test_ngrams_are_counted_as_a_plain_count_does(length: int) -> None:
    text = NEWS + BAD["duplicate_9gram"][1]
    letters = [sign for sign in text if sign.isalnum()]
    grams = [tuple(letters[at : at + length]) for at in range(len(letters) - length + 1)]
    if length < 5:
        most = max(map(grams.count, set(grams)))
        assert BY_NAME[f"top_{length}gram"].measure(Measured(text)) == pytest.approx(min(1.0, most * length / len(letters)))
    else:
        assert BY_NAME[f"duplicate_{length}gram"].measure(Measured(text)) == pytest.approx(1 - len(set(grams)) / len(grams))
