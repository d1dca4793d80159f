"""`hanlin plan`: plain text or JSON, nothing written, mistakes refused in a line."""

import argparse
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.cli import main
from app.commands.plan import count_of, with_action
from cluster.artifacts import ArtifactStore
from cluster.manifest import Work
from tests.workloads.training.conftest import make_tokens
from workloads.training.planning.law import PUBLISHED, FittedLaw
from workloads.training.planning.measure import LAW_FILE, Evidence, Measured
from workloads.training.planning.regress import Point

RECIPE = """
name: tiny
seed: 3
corpus: {inputs: [raw]}
tokenizer: {vocab_size: 8000}
tokens: {sequence_length: 512}
model: {preset: 25M}
training: {steps: 300, global_batch: 64, micro_batch: 8}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    return file


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["plan", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_before_there_are_tokens_their_number_is_asked_for(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(recipe), "--hours", "2"]) == 2
    assert "--tokens 1B" in capsys.readouterr().err
    before = sorted(recipe.parent.rglob("*"))
    assert main(["plan", str(recipe), "--tokens", "30M", "--gpu", "H100", "--gpu-hours", "2", "--price", "3"]) == 0
    shown = capsys.readouterr().out
    assert "the recipe as it is" in shown
    assert "25M" in shown
    assert "--set training.learning_rate=" in shown
    assert "hanlin plan fit" in shown
    assert "\x1b" not in shown
    assert sorted(recipe.parent.rglob("*")) == before


def test_what_is_proposed_can_be_set(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, str(recipe), "--tokens", "300M", "--gpu", "A100", "--gpu-hours", "3")
    settings = found["set"]
    assert isinstance(settings, list)
    again = planned(
        capsys, str(recipe), "--tokens", "300M", "--gpu", "A100", *(word for each in settings for word in ("--set", each))
    )
    best, own = found["best"], again["as_it_is"]
    assert isinstance(best, dict)
    assert isinstance(own, dict)
    assert {key: own[key] for key in ("shape", "steps", "global_batch", "learning_rate")} == {
        key: best[key] for key in ("shape", "steps", "global_batch", "learning_rate")
    }


def test_a_law_of_this_text_gives_a_loss_with_its_interval(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ArtifactStore(str(recipe.parent / "runs"))
    tokens = make_tokens(store, rows=200)
    store.set_ref("tiny", tokens)
    run = Measured(Point(1_000_000, 20_000_000, 4.1), 2e10, 1e-3, 4, 10, "0" * 20)
    law = FittedLaw(PUBLISHED, (PUBLISHED,), 0.01)
    for inputs in ({"tokens": tokens.fingerprint}, {"tokens": "another"}):
        work = Work("law", {"n": len(inputs["tokens"])}, inputs, 1)
        with store.draft(work) as draft:
            draft.write(LAW_FILE, Evidence(law, (run,), 64, 16, 0.5).to_json().encode())
        artifact = store.find(work)
        assert artifact is not None
        store.set_ref("tiny", artifact)
        found = planned(capsys, str(recipe), "--hours", "1")
        best, machine = found["best"], found["machine"]
        assert isinstance(best, dict)
        assert isinstance(machine, dict)
        if inputs["tokens"] == "another":
            assert best["loss"] is None
        else:
            assert best["loss"]["low"] < best["loss"]["loss"] < best["loss"]["high"]
            assert machine["flops_per_second"] == 2e10


def test_a_recipe_that_cannot_fit_is_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["plan", str(recipe), "--tokens", "1B", "--gpu", "A10", "--set", "model.preset=1.7B"]
    assert main(arguments) == 2
    assert "smaller `model.preset`" in capsys.readouterr().err
    assert main([*arguments, "--gpu-hours", "5"]) == 0, "a budget asks for another model"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpu-hours", "3"], "--gpu H100"),
        (["--gpu", "Z80", "--gpu-hours", "3"], "one of H100"),
        (["--hours", "1", "--machines", "0"], "above 0"),
    ],
)
def test_mistakes_are_one_line(recipe: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["plan", str(recipe), "--tokens", "1B", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_date_becomes_hours_and_a_past_one_is_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soon = (datetime.now() + timedelta(hours=5)).isoformat(timespec="minutes")
    budget = planned(capsys, str(recipe), "--tokens", "1B", "--by", soon)["budget"]
    assert isinstance(budget, dict)
    assert 4.9 < budget["hours"] <= 5
    with pytest.raises(SystemExit):
        main(["plan", str(recipe), "--tokens", "1B", "--by", "2020-01-01"])
    assert "is past" in capsys.readouterr().err


def test_numbers_of_tokens() -> None:
    assert [count_of(text) for text in ("1B", "1.5b", "600M", "20 k", "1234")] == [10**9, 15 * 10**8, 6 * 10**8, 20_000, 1234]
    for text in ("", "0", "-1", "many"):
        with pytest.raises(argparse.ArgumentTypeError, match="600M"):
            count_of(text)


def test_plan_takes_a_recipe_alone_too() -> None:
    assert with_action(["plan", "r.yaml", "--hours", "2"]) == ["plan", "budget", "r.yaml", "--hours", "2"]
    assert with_action(["plan", "fit", "r.yaml"]) == ["plan", "fit", "r.yaml"]
