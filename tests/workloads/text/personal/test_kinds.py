"""Each kind in its own forms, checks and surroundings; what is labelled in the project's set is found, and little else."""

import random
from datetime import date

import pytest

from workloads.text.personal.bank import passes_luhn
from workloads.text.personal.identity import is_day, is_id_card
from workloads.text.personal.labelled.items import ITEMS
from workloads.text.personal.labelled.made import sentences
from workloads.text.personal.labelled.marks import mark, unmark
from workloads.text.personal.labelled.score import score
from workloads.text.personal.labelled.written import WRITTEN
from workloads.text.personal.organisation import is_credit_code
from workloads.text.personal.registry import DEFAULT_KINDS, KIND_NAMES, KINDS, kinds_named
from workloads.text.personal.scan import find_personal

ID_CARD = "11010519491231002X"  # the specimen of GB 11643-1999
CREDIT_CODE = "91350100M000100Y43"  # the specimen of GB 32100-2015
USUAL = kinds_named(DEFAULT_KINDS)


def found(text: str, *names: str) -> str:
    return mark(text, find_personal(text, kinds_named(names) if names else USUAL))


@pytest.mark.parametrize("sentence", WRITTEN)
def test_every_written_sentence(sentence: str) -> None:
    assert found(unmark(sentence)[0]) == sentence


def test_there_are_enough_written_sentences_of_both_sorts() -> None:
    assert len(set(WRITTEN)) >= 150
    assert sum("⟦" in sentence for sentence in WRITTEN) >= 75 <= sum("⟦" not in sentence for sentence in WRITTEN)


def test_precision_and_recall_on_made_sentences() -> None:
    result = score(sentences(6000, seed=11), USUAL)
    assert set(result.kinds) == set(DEFAULT_KINDS)
    for name, each in result.kinds.items():
        assert each.marked >= 200, name
        assert each.recall >= 0.99, (name, result.wrong[:3])
        assert each.precision >= 0.98, (name, result.wrong[:3])


def test_made_sentences_depend_on_the_seed_alone() -> None:
    assert list(sentences(50, 3)) == list(sentences(50, 3)) != list(sentences(50, 4))


@pytest.mark.parametrize("kind", sorted(ITEMS))
def test_kinds_told_by_their_form_are_found_between_han_characters(kind: str) -> None:
    rng = random.Random(5)
    for _ in range(50):
        item = ITEMS[kind](rng)
        if kind in ("passport", "qq", "wechat"):
            assert f"|{item}⟧" not in found(f"资料{item}备查"), "no word says what it is"
        else:
            assert f"⟦{kind}|{item}⟧" in found(f"资料：{item}备查")


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        (ID_CARD, True),
        (ID_CARD.lower(), True),
        ("110105194912310021", False),  # check character
        ("11010519491331002X", False),  # month
        ("11010519491231002", False),
        ("01010519491231002X", False),  # province
    ],
)
def test_identity_numbers(number: str, valid: bool) -> None:
    assert is_id_card(number) is valid


def test_days_of_birth() -> None:
    assert is_day(2000, 2, 29)
    assert not is_day(1900, 2, 29)
    assert not is_day(1700, 1, 1)
    assert date(1949, 10, 1)


def test_identity_numbers_of_fifteen_digits_are_an_option() -> None:
    text = "身份证号：110105491231002，编号110105491231002"
    assert found(text) == text
    assert found(text, "id_card_15") == "身份证号：⟦id_card_15|110105491231002⟧，编号110105491231002"


def test_addresses_are_an_option() -> None:
    text = "寄到浙江省杭州市西湖区文三路138号3幢2单元501室，收件人老周。"
    assert found(text) == text
    assert found(text, "address") == "⟦address|寄到浙江省杭州市西湖区文三路138号3幢2单元501室⟧，收件人老周。"
    assert found("西湖区的文化路上有一百家店", "address") == "西湖区的文化路上有一百家店"


def test_check_digits() -> None:
    assert passes_luhn("79927398713")
    assert not passes_luhn("79927398710")
    assert is_credit_code(CREDIT_CODE)
    assert not is_credit_code(CREDIT_CODE[:-1] + "4")
    assert not is_credit_code(CREDIT_CODE[:-1])
    assert not is_credit_code("9135010OM000100Y43")  # no letter O


def test_one_kind_has_the_characters_that_two_claim() -> None:
    assert found("13812345679@139.com") == "⟦email|13812345679@139.com⟧"
    assert found(f"身份证{ID_CARD}") == f"身份证⟦id_card|{ID_CARD}⟧"


def test_kinds_are_asked_for_by_name() -> None:
    text = "13812345679，a@b.com"
    assert found(text, "email") == "13812345679，⟦email|a@b.com⟧"
    assert [kind.name for kind in kinds_named(["qq", "email"])] == ["email", "qq"]
    assert len(set(KIND_NAMES)) == len(KINDS)


def test_addresses_of_the_network_after_a_hyphen() -> None:
    assert found("（ELB）-117.136.90.160，") == "（ELB）-⟦ip|117.136.90.160⟧，"
    assert found("web-117.136.90.160") == "web-117.136.90.160"


def test_a_long_stretch_of_digits_takes_no_time() -> None:
    assert find_personal("1 " * 50_000 + "8" * 100_000) == []
    assert find_personal("电话" + "0-" * 50_000) == []
    assert find_personal("a" * 100_000 + "@" + "b." * 20_000) == []
