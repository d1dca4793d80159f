"""What the compiled loops over columns give is what the plain definitions give for every text."""

import math
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workloads.text.codes import Codes
from workloads.text.fold import fold, fold_all, fold_character
from workloads.text.kernels import compiled
from workloads.text.kernels.characters import DIGIT, LETTER, SPACE, WHOLE, classes, composing
from workloads.text.measure import measure
from workloads.text.minhash import SHINGLE, band_keys
from workloads.text.normalise import normalise, normalise_all
from workloads.text.quality import clause_share, entropy
from workloads.text.repetition import repeated_share
from workloads.text.script import count_han, count_visible, han_share
from workloads.text.shingles import shingle_column, shingle_hashes

_SIGNS = "甲乙，。“（ \t\n\r\x0b\u2028\u3000\u00a0\u200b\ufeff\x01１Ａａ1Aa@【•….-e\u0301가\u11a8ｶﾞ㈱①頭髮\U00020000"
TEXTS = st.lists(st.text(st.one_of(st.sampled_from(_SIGNS), st.characters()), max_size=60), max_size=8)
CLEAN = st.lists(st.text(st.one_of(st.sampled_from(_SIGNS), st.characters(exclude_categories=["Cs"])), max_size=60), max_size=8)


@given(TEXTS)
@example(
    [
        "\r\n\r\u200b\n甲",
        " \t 甲",
        "甲 \t乙",
        "a  b",
        "\n \n \n\n甲\n",
        "\t \t",
        "甲 \u200b 。",
        "x \n y",
        "\u3000\t",
        "e\u200b\u0301",
    ]
)
def test_normalising_a_column(texts: list[str]) -> None:
    assert list(normalise_all(texts)) == [normalise(text) for text in texts]


@given(CLEAN)
def test_folding_a_column(texts: list[str]) -> None:
    assert list(fold_all(Codes.of(texts))) == [fold(text) for text in texts]


def test_folding_knows_every_character() -> None:
    every = [chr(code) for code in range(WHOLE)]
    assert list(fold_all(Codes.of(every))) == [fold_character(character) for character in every]


@given(CLEAN)
def test_a_column_of_codes_is_a_column_of_strings(texts: list[str]) -> None:
    codes = Codes.of(texts)
    assert list(codes) == codes.to_arrow().to_pylist() == texts
    codes.to_arrow().validate(full=True)


def test_a_column_without_texts() -> None:
    assert len(normalise_all([])) == len(fold_all(Codes.of([]))) == len(Codes.of([]).to_arrow()) == 0
    assert band_keys(Codes.of([])) == []
    assert len(measure([]).visible) == 0


@given(CLEAN, st.integers(1, 13))
def test_shingles_of_a_column(texts: list[str], length: int) -> None:
    flat, offsets = shingle_column(Codes.of(texts), length)
    for text, start, stop in zip(texts, offsets, offsets[1:], strict=False):
        assert flat[start:stop].tolist() == shingle_hashes(text, length).tolist()


@given(CLEAN)
def test_band_keys_of_codes_are_those_of_strings(texts: list[str]) -> None:
    assert band_keys(Codes.of(texts)) == band_keys(texts) == [band_keys([text])[0] for text in texts]


@given(st.lists(st.text("甲乙丙，\n", max_size=80), max_size=5))
def test_repetition(texts: list[str]) -> None:
    lengths = list(range(2, 14))
    statistics = measure(texts)
    shares, most = statistics.repeated_shares(lengths), statistics.repetition(lengths).most
    for text, share, often in zip(texts, shares, most, strict=True):
        letters = "".join(filter(str.isalnum, text))
        for place, length in enumerate(lengths):
            grams = Counter(letters[at : at + length] for at in range(len(letters) - length + 1))
            assert often[place] == max(grams.values(), default=0)
            assert share[place] == pytest.approx(repeated_share(text, length) if len(letters) > length else 0.0)


@given(CLEAN)
def test_statistics_of_characters(texts: list[str]) -> None:
    found = measure(texts)
    for place, text in enumerate(texts):
        visible = "".join(text.split())
        assert found.characters[place] == len(text)
        assert found.visible[place] == count_visible(text) == len(visible)
        assert found.han[place] == count_han(text)
        assert found.letters[place] == sum(map(str.isalnum, text))
        assert found.digits[place] == sum(c in "0123456789" for c in text)
        assert found.latin[place] == sum(c.isascii() and c.isalpha() for c in text)
        assert found.at_signs[place] == text.count("@") + text.count("＠")
        assert found.brackets[place] == text.count("【") + text.count("】")
        assert found.distinct[place] == len(set(visible))
        assert found.entropy[place] == pytest.approx(entropy(text))
        assert found.per_visible(found.clause_marks)[place] == pytest.approx(clause_share(text))
        assert found.per_visible(found.han)[place] == pytest.approx(han_share(text))


LINES = ["甲。", "  甲。", "乙", "乙 丙", "• 丁", "戊……", "己...", "", " ", "a  b"]


@given(st.lists(st.lists(st.sampled_from(LINES), max_size=20), max_size=4))
def test_statistics_of_lines(texts: list[list[str]]) -> None:
    found = measure(["\n".join(lines) for lines in texts])
    for place, given_lines in enumerate(texts):
        lines = [line.strip() for line in given_lines if line.strip()]
        again = [line for at, line in enumerate(lines) if line in lines[:at]]
        assert found.lines[place] == len(lines)
        assert found.closed_lines[place] == sum(line[-1] in "。….”" for line in lines)
        assert found.bullet_lines[place] == sum(line[0] == "•" for line in lines)
        assert found.ellipsis_lines[place] == sum(line.endswith(("…", "...")) for line in lines)
        assert found.repeated_lines[place] == len(again)
        assert found.repeated_line_characters[place] == sum(map(len, again))


def test_paragraphs_urls_and_runs_of_digits() -> None:
    found = measure(["甲\n乙\n\n丙\n \n 甲\n乙\n", "见https://a.cn/b。又 www.b.cn c http", "12 345６7\n89"])
    assert found.paragraphs.tolist() == [3, 1, 1]
    assert found.repeated_paragraphs.tolist() == [1, 0, 0]
    assert found.repeated_paragraph_characters.tolist() == [2, 0, 0]
    assert found.url_characters.tolist() == [0, len("https://a.cn/b") + len("www.b.cn"), 0]
    assert found.longest_digits.tolist() == [0, 0, 3]


def test_entropy_looks_at_the_beginning_of_a_long_text() -> None:
    text = "甲乙丙丁" * 1250 + "戊" * 5000
    assert measure([text]).entropy[0] == pytest.approx(entropy(text)) == pytest.approx(2.0)
    assert math.isclose(measure([" \n"]).entropy[0], 0.0)


def test_the_classes_know_every_character() -> None:
    table = classes()
    for code in range(WHOLE):
        character = chr(code)
        assert bool(table[code] & SPACE) == character.isspace()
        assert bool(table[code] & LETTER) == character.isalnum()
        assert bool(table[code] & DIGIT) == (character.isascii() and character.isdigit())


@given(st.text(max_size=20))
def test_text_without_composing_characters_is_composed(text: str) -> None:
    if not set(map(ord, text)) & set(composing().tolist()):
        assert unicodedata.is_normalized("NFC", text)


def test_shingle_length_is_that_of_the_bands() -> None:
    flat, offsets = shingle_column(Codes.of(["一二三四五六", "七"]), SHINGLE)
    assert np.diff(offsets).tolist() == [2, 1]
    assert len(flat) == 3


def test_the_cache_goes_where_it_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled.cache_folder() == tmp_path / "hanlin" / "kernels"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled.cache_folder() != tmp_path / "file" / "hanlin" / "kernels"
    assert compiled.cache_folder().is_dir()


def test_the_modules_around_do_not_import_numba() -> None:
    code = (
        "import sys, workloads.text.measure, workloads.text.minhash, workloads.corpus.stage; sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
