"""`hanlin corpus preview`: plain where there is no terminal, and nothing written."""

import json
from pathlib import Path

import pytest

from app.cli import main
from tests.workloads.text.rules.bad import BAD
from tests.workloads.text.rules.good import GOOD


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    texts = [*GOOD.values(), BAD["advertising"][0], "[bold]好[/bold]"]
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    (tmp_path / "raw.jsonl").write_text(lines, encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text("name: test\ncorpus:\n  inputs: [raw.jsonl]\n", encoding="utf-8")
    return path


def test_all_rules_with_samples(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(recipe.parent.iterdir())
    assert main(["corpus", "preview", str(recipe)]) == 0
    shown = capsys.readouterr().out
    assert f"{len(GOOD) + 2} documents of 1 source(s) looked at, {len(GOOD)} kept" in shown
    assert "advertising drops" in shown
    assert BAD["advertising"][0][:20] in shown
    assert "[bold]好[/bold]" in shown
    assert "\x1b" not in shown
    assert sorted(recipe.parent.iterdir()) == before


def test_one_rule_by_source(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "preview", str(recipe), "--rule", "advertising", "--documents", "100"]) == 0
    shown = capsys.readouterr().out
    assert "raw" in shown
    assert "just keeps" in shown
    assert "length" not in shown


def test_other_thresholds_are_tried_with_set(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "preview", str(recipe), "--rule", "length", "--set", "corpus.rules.length=100000"]) == 0
    assert f"{len(GOOD) + 2} documents of 1 source(s) looked at, 0 kept" in capsys.readouterr().out


def test_nothing_to_read(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recipe.parent / "raw.jsonl").write_text("x\n")
    assert main(["corpus", "preview", str(recipe)]) == 2
    assert "no document could be read" in capsys.readouterr().err
