"""Teaching models from the command line: figures on documents held out, a folder that the recipe can name, plain errors."""

import json
from pathlib import Path

import pytest

from app.cli import main
from tests.workloads.text.learned.piles import junk, prose


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, texts in (("good", map(prose, range(100))), ("bad", map(junk, range(100))), ("few", map(prose, range(5)))):
        lines = "".join(json.dumps({"正文": text}, ensure_ascii=False) + "\n" for text in texts)
        (tmp_path / f"{name}.jsonl").write_text(lines, "utf-8")
    path = tmp_path / "r.yaml"
    path.write_text("name: r\ncorpus:\n  inputs: [{path: raw/, text_field: 正文}]\n", "utf-8")
    return path


def test_quality(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["corpus", "train-quality", str(recipe), "--good", "good.jsonl", "--bad", "bad.jsonl", "--out"]
    assert main([*arguments, "one"]) == 0
    shown = capsys.readouterr().out
    assert "15 good and 15 bad documents held out: AUC 1.0000" in shown
    assert "min_score  precision  recall  bad kept" in shown
    assert f"corpus.quality: {{model: {Path('one').absolute()}, min_score: ...}}" in shown
    assert main([*arguments, "two"]) == 0
    for name in ("model.json", "weights.safetensors"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_perplexity(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "train-perplexity", str(recipe), "--reference", "good.jsonl", "--out", "model"]) == 0
    shown = capsys.readouterr().out
    assert "90 documents, " in shown
    assert "held out: p1 " in shown
    assert json.loads(Path("model/model.json").read_text("utf-8"))["learned"]["documents"] == 90


def test_too_little_to_learn_from(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "train-perplexity", str(recipe), "--reference", "few.jsonl", "--out", "model"]) == 2
    told = capsys.readouterr().err
    assert "5 texts that are different; at least 20" in told
    assert "Traceback" not in told
    assert not Path("model").exists()
