"""What the compiled loops over columns give is what the plain definitions give for every text."""

import math
import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.workloads.text.plain_entropy import entropy
from workloads.text.boilerplate import can_recur, strip_boilerplate, strip_column
from workloads.text.codes import Codes
from workloads.text.fold import fold, fold_all, fold_character
from workloads.text.kernels import compiled
from workloads.text.kernels.characters import WHOLE, composing
from workloads.text.kinds import Kind, kind_table
from workloads.text.lines import line_key
from workloads.text.measure import DIVIDERS, LENGTHS, measure
from workloads.text.minhash import SHINGLE, band_keys
from workloads.text.normalise import normalise, normalise_all
from workloads.text.rules import Measured, measure_all
from workloads.text.script import count_han, count_visible
from workloads.text.shingles import shingle_column, shingle_hashes

_SIGNS = "％⼈⻅︐：２＜,;:?!甲乙，。“（ \t\n\r\x0b\u2028\u3000\u00a0\u200b\ufeff\x01１Ａａ1Aa@【•….-e\u0301가\u11a8ｶﾞ㈱①頭髮\U00020000"
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
        "\U000e0000甲\U000e01ef",
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
    assert measure([]).counts.shape[0] == 0


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
    statistics = measure(texts)
    for place, text in enumerate(texts):
        letters = "".join(filter(str.isalnum, text))
        for which, length in enumerate(LENGTHS):
            grams = Counter(letters[at : at + length] for at in range(len(letters) - length + 1))
            assert statistics.most[place, which] == max(grams.values(), default=0)
            assert statistics.repeated[place, which] == grams.total() - len(grams)


@given(CLEAN)
def test_statistics_of_characters(texts: list[str]) -> None:
    for text, found in zip(texts, measure_all(texts), strict=True):
        visible = "".join(text.split())
        assert found.visible == count_visible(text) == len(visible)
        assert found.han == count_han(text)
        assert found.different == len(set(visible[:1000]))
        assert found.entropy == pytest.approx(entropy(text))
        kinds = [int(kind_table()[ord(c)]) if ord(c) < len(kind_table()) else int(Kind.SIGN) for c in text]
        assert [found.count(kind) for kind in Kind] == [kinds.count(kind) for kind in Kind]


LINES = ["甲。", "  甲。", "乙", "乙 丙", "、|丁", "", " ", "a  b"]


@given(st.lists(st.lists(st.sampled_from(LINES), max_size=20), max_size=4))
def test_statistics_of_lines(texts: list[list[str]]) -> None:
    for given_lines, found in zip(texts, measure_all(["\n".join(lines) for lines in texts]), strict=True):
        lines = [line.strip() for line in given_lines]
        filled = [line for line in lines if line]
        paragraphs = [tuple(part) for filled, part in groupby(lines, bool) if filled]
        assert found.lines == filled
        assert found.repeats_lines == (len(set(filled)) < len(filled))
        assert found.repeats_paragraphs == (len(set(paragraphs)) < len(paragraphs))
        assert found.most_dividers == max((sum(map(line.count, DIVIDERS)) for line in given_lines if line.strip()), default=0)


def test_the_different_ones_are_counted_at_the_beginning() -> None:
    (found,) = measure_all(["甲乙 " * 500 + "丙丁"])
    assert found.different == 2


def test_entropy_looks_at_the_beginning_of_a_long_text() -> None:
    text = "甲乙丙丁" * 1250 + "戊" * 5000
    assert Measured(text).entropy == pytest.approx(entropy(text)) == pytest.approx(2.0)
    assert math.isclose(Measured(" \n").entropy, 0.0)


TEXT_LINES = st.lists(st.sampled_from([*LINES, "首页", "更多", "甲" * 81]), max_size=12)


@given(st.lists(TEXT_LINES, max_size=4), st.sets(st.sampled_from(["甲。", "乙", "a  b", "首页"])))
def test_boilerplate_of_a_column(texts: list[list[str]], recurring: set[str]) -> None:
    column = ["\n".join(lines) for lines in texts]
    seeds = np.arange(7, 7 + len(column), dtype=np.uint64)
    keys = np.array([line_key(int(seed), line) for seed in seeds for line in recurring], np.uint64)
    found, removed = strip_column(Codes.of(column), seeds, np.sort(keys))
    expected = [strip_boilerplate(text, lambda line: line in recurring and can_recur(line)) for text in column]
    assert [*zip(found, removed.tolist(), strict=True)] == expected


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


def test_a_change_in_a_neighbour_is_another_cache(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("a = 1")
    (tmp_path / "other.py").write_text("b = 1")
    states = [compiled.state_of(tmp_path)]
    (tmp_path / "other.py").write_text("b = 12")
    compiled.state_of.cache_clear()
    states.append(compiled.state_of(tmp_path))
    assert states[0] != states[1]


def test_the_modules_around_do_not_import_numba() -> None:
    code = (
        "import sys, workloads.text.measure, workloads.text.minhash, workloads.corpus.stage; sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
