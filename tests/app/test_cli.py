"""The command line as a person meets it: exit statuses, one line for a mistake, and no traceback."""

from pathlib import Path

import pytest

from app.cli import main


def fails(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2) -> str:
    assert main(list(arguments)) == status
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("error: ")
    return error.splitlines()[-1]


def test_init_writes_a_recipe_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my-lm"]) == 0
    assert main(["recipe", "my-lm/recipe.yaml"]) == 0
    assert "learning_rate: 0.001" in capsys.readouterr().out
    assert "exists already; init never overwrites" in fails(capsys, "init", "my-lm")


@pytest.mark.parametrize("name", ["我的模型", "-x y", "."])
def test_init_refuses_a_name_that_no_recipe_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "cannot name a run and its model; up to 63 letters" in fails(capsys, "init", "--", name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for verb in (
        ["init", f"{tmp_path}/file/shop"],
        ["demo-corpus", f"{tmp_path}/file"],
        ["demo", "--folder", f"{tmp_path}/file"],
    ):
        assert "failed while writing" in fails(capsys, *verb, status=1)


def test_a_missing_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        fails(capsys, "run", "nowhere.yaml")
        == "error: no recipe at nowhere.yaml; a YAML file; write one with `hanlin init NAME`"
    )


def test_a_run_without_input_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shop"]) == 0
    assert "data" in fails(capsys, "corpus", "shop/recipe.yaml")


def test_a_stage_before_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "shop"]) == 0
    error = fails(capsys, "train", "shop/recipe.yaml", status=1)
    assert "recipe 'shop' has no tokens yet" in error
    assert "run the stage that makes it" in error


def test_an_empty_store_lists_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["artifacts", "list", "--store", str(tmp_path)]) == 0
    assert "no artifacts in" in capsys.readouterr().out
    assert "exactly one must" in fails(capsys, "artifacts", "show", "abc", "--store", str(tmp_path), status=1)


def test_chat_without_an_endpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert "127.0.0.1:9" in fails(capsys, "chat", "--url", "http://127.0.0.1:9")


def test_doctor_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--folder", str(tmp_path)]) in (0, 2)
    assert "shared memory" in capsys.readouterr().out
