"""Each kind of noise does what its name says."""

import random
import re

import pytest
import zhconv_rs

from workloads.corpus.demo.noise.copies import ExactDuplicate, NearDuplicate, TraditionalTwin, jaccard
from workloads.corpus.demo.noise.edits import (
    BoilerplateLine,
    PersonalData,
    check_digit,
    identity_number,
    mail_address,
    mobile_number,
)
from workloads.corpus.demo.noise.junk import BrokenLine, English, KeywordSpam, Mojibake, Short, Slogan

TEXT = (
    "王小梅住在梨花村，今年十一岁。她很细心，做事从来不出差错。春天到了，她和弟弟一起到山坡上放风筝。\n"
    "傍晚，天边挂着一道彩虹，两个人有说有笑地回了家。妈妈给他们做了一桌好菜，还有一大碗绿豆汤。"
)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(9)


def test_the_check_digit_is_that_of_the_standard() -> None:
    assert check_digit("11010519491231002") == "X"  # the example that GB 11643 itself prints
    assert check_digit("44052418800101001") == "4"


def test_identity_numbers_are_valid_in_form_and_clearly_made_up(rng: random.Random) -> None:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    for _ in range(200):
        number = identity_number(rng)
        assert re.fullmatch(r"119999(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{3}[\dX]", number)
        assert "10X98765432"[sum(w * int(d) for w, d in zip(weights, number, strict=False)) % 11] == number[-1]


def test_mobile_and_mail_are_well_formed(rng: random.Random) -> None:
    assert re.fullmatch(r"1[3-9]\d0000\d{4}", mobile_number(rng))
    assert re.fullmatch(r"[a-z]+\d+@example\.(com|org|net)", mail_address(rng))


def test_copies(rng: random.Random) -> None:
    assert ExactDuplicate().copy(TEXT, rng) == TEXT
    twin = TraditionalTwin().copy(TEXT, rng)
    assert twin != TEXT
    assert "風箏" in twin
    assert zhconv_rs.zhconv(twin, "zh-hans") == TEXT


def test_near_duplicates_are_edited_a_little_and_stay_near(rng: random.Random) -> None:
    for _ in range(100):
        copy = NearDuplicate().copy(TEXT, rng)
        assert copy != TEXT
        assert 0.8 < jaccard(TEXT, copy) <= 1
        assert abs(len(copy) - len(TEXT)) <= 0.03 * len(TEXT) + 1


def test_edits_leave_the_text_whole(rng: random.Random) -> None:
    for _ in range(30):
        spoilt, lines = BoilerplateLine().edit(TEXT, rng)
        assert [line for line in spoilt.split("\n") if line not in lines] == TEXT.split("\n")
        assert lines
        personal, values = PersonalData().edit(TEXT, rng)
        assert all(part in personal for part in (*values, *TEXT.split("\n")))
        assert re.search(rf"[一-鿿]{re.escape(values[0])}", personal)


def test_junk_is_junk(rng: random.Random) -> None:
    for _ in range(30):
        slogan = Slogan().make(TEXT, rng).text
        first = slogan[: slogan.index("！") + 1]
        assert slogan == first * (len(slogan) // len(first))
        assert 20 <= slogan.count(first) <= 60
        assert not re.search("[一-鿿]", English().make(TEXT, rng).text)
        assert len(Short().make(TEXT, rng).text) < 20
        assert "。" not in KeywordSpam().make(TEXT, rng).text
        assert Mojibake().make(TEXT, rng).text[:10] != TEXT[:10]
        assert BrokenLine().make(TEXT, rng).line
