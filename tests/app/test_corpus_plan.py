"""`hanlin corpus plan`: plain where there is no terminal, and nothing written."""

import argparse
from pathlib import Path

import pytest

from app.cli import main
from app.commands.corpus_plan import size_of
from app.commands.corpus_plan_show import count, duration, human
from tests.app.test_corpus_preview import recipe as recipe
from tests.workloads.text.rules.good import GOOD


def test_a_plan_for_the_input_itself(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(recipe.parent.iterdir())
    assert main(["corpus", "plan", str(recipe)]) == 0
    shown = capsys.readouterr().out
    assert f"({len(GOOD) + 2} documents" in shown
    assert "band keys" in shown
    assert "within 24 h" in shown
    assert "Cut the input" not in shown
    assert "\x1b" not in shown
    assert sorted(recipe.parent.iterdir()) == before


def test_a_plan_for_much_more(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "plan", str(recipe), "--bytes", "100TB", "--machine-cpus", "16", "--hours", "12"]) == 0
    shown = capsys.readouterr().out
    assert "100 TB" in shown
    assert "Machines of 16 processors" in shown
    assert "within 12 h" in shown
    assert "Cut the input" in shown


def test_nothing_to_read(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recipe.parent / "raw.jsonl").write_text("x\n")
    assert main(["corpus", "plan", str(recipe)]) == 2
    assert "no document could be read" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "size"), [("10TB", 1e13), ("1.5 gb", 1.5e9), ("600M", 6e8), ("123", 123)])
def test_sizes(text: str, size: float) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1GB", "ten", "10XB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="10TB"):
        size_of(text)


def test_figures_as_a_person_reads_them() -> None:
    assert (human(12.5e12), human(950), human(2e15)) == ("12.5 TB", "950 B", "2 PB")
    assert (count(21_326), count(3.8e9), count(2.5e12)) == ("21,326", "3.8 billion", "2.5 trillion")
    assert (duration(1383), duration(6.07), duration(0.5), duration(0.002)) == ("1,383 h", "6.07 h", "30 min", "7.2 s")
