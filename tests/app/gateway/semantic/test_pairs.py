"""Questions of a log are paired as the cache would pair them; labels are read back, all of them."""

from pathlib import Path

import numpy as np
import pytest

from app.gateway.semantic.pairs import Pair, propose, read_pairs, read_questions, write_pairs
from cluster.errors import InputError, UserError


def at(*degrees: float) -> np.ndarray:  # type: ignore[type-arg]
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_each_question_finds_the_most_alike_before_it() -> None:
    questions = ["甲", "乙", "丙", "甲", "第3条", "第4条"]
    pairs = propose(questions, at(0, 60, 50, 0, 100, 101), most=9)
    assert [(pair.asked, pair.found) for pair in pairs] == [("丙", "乙"), ("乙", "甲")]
    assert pairs[0].similarity == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert all(pair.same is None for pair in pairs)
    assert propose(questions, at(0, 60, 50, 0, 100, 101), most=1) == pairs[:1]


def test_many_questions_are_paired_in_parts() -> None:
    count = 1300
    angles = [float(number % 650) / 10 for number in range(count)]
    pairs = propose([f"问{'啊' * number}" for number in range(count)], at(*angles), count)
    assert len(pairs) == count - 1
    assert sum(pair.similarity > 0.999999 for pair in pairs) >= 650


def test_labels_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    pairs = [Pair(asked="甲", found="乙", similarity=0.5, same=True), Pair(asked="丙", found="乙", same=False)]
    write_pairs(file, pairs)
    assert read_pairs(file) == pairs
    write_pairs(file, [*pairs, Pair(asked="丁", found="乙")])
    with pytest.raises(UserError, match="1 of 3 pairs have no label"):
        read_pairs(file)
    file.write_text('{"asked": "甲"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_pairs(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_pairs(tmp_path / "none")


def test_questions_are_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("甲\n\n 乙 \n", encoding="utf-8")
    assert read_questions(tmp_path / "log") == ["甲", "乙"]
    (tmp_path / "log").write_text("甲\n", encoding="utf-8")
    with pytest.raises(UserError, match="at least two"):
        read_questions(tmp_path / "log")
