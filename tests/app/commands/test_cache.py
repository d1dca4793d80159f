"""`hanlin cache`: pairs are proposed, and a calibration is written only where the labels bear it out."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.cli import main
from app.commands import cache
from app.gateway.semantic.calibration import read_calibration
from app.gateway.semantic.vectors import Vectors

RECIPE = "name: shop\nstore: runs\ncorpus: {inputs: [raw]}\nserving: {port: 8123}\n"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """With an endpoint whose vectors are near each other where two texts begin alike."""

    def vectors_of(texts: Sequence[str], url: str, model: str) -> Vectors:
        assert (url, model) == ("http://127.0.0.1:8123", "shop")
        angles = np.array([ord(text[0]) + 0.01 * len(text) for text in texts])
        return Vectors(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), "f" * 20)

    monkeypatch.setattr(cache, "vectors_of", vectors_of)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return str(tmp_path / "recipe.yaml")


def test_a_log_becomes_pairs_to_label(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, pairs = tmp_path / "log", tmp_path / "pairs.jsonl"
    log.write_text("怎么还款\n天气如何\n怎么还款呢\n", encoding="utf-8")
    assert main(["cache", "propose", recipe, str(log), "--to", str(pairs), "--most", "1"]) == 0
    (pair,) = map(json.loads, pairs.read_text(encoding="utf-8").splitlines())
    assert (pair["asked"], pair["found"], pair["same"]) == ("怎么还款呢", "怎么还款", None)
    assert "1 pairs of 3 questions" in capsys.readouterr().out
    assert main(["cache", "calibrate", recipe, str(pairs), "--to", str(tmp_path / "c.json")]) == 2
    assert "have no label" in capsys.readouterr().err


@pytest.mark.parametrize(("wrong_ones", "status"), [(0, 0), (200, 2)])
def test_a_calibration_needs_labels_that_bear_it_out(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong_ones: int, status: int
) -> None:
    pairs, to = tmp_path / "pairs.jsonl", tmp_path / "calibration.json"
    lines = [{"asked": f"怎{'么' * number}", "found": "怎", "same": number >= wrong_ones} for number in range(1000)]
    pairs.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    arguments = ["cache", "calibrate", recipe, str(pairs), "--to", str(to), "--wrong", "0.02"]
    assert main(arguments) == status
    if status:
        assert "no similarity is high enough" in capsys.readouterr().err
        assert not to.exists()
        return
    found = read_calibration(str(to))
    assert (found.model, found.fingerprint, found.wrong_hits) == ("shop", "f" * 20, 0)
    assert found.at_most <= found.allowed == 0.02
    assert f"serving.cache.semantic: {to}" in capsys.readouterr().out
    assert main([*arguments, "--confidence", "1.5"]) == 2
