"""What can be exported, in which weights, and what it says of itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import UserError
from workloads.serving.engine.openvino import quantize
from workloads.serving.engine.openvino.description import GRAPH, Description, read_description
from workloads.serving.engine.openvino.export import export_model
from workloads.serving.engine.openvino.quantize import rounded


def test_a_build_describes_itself(tiny_build: Path) -> None:
    found = read_description(tiny_build)
    assert (found.weights, found.precision, found.vocabulary, found.max_context) == ("f32", "f32", 320, 128)
    assert Description("int8", 1, 1, 1, "").precision == "bf16"


def test_eight_bits_make_a_smaller_graph(
    tiny_folder: Path, tiny_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "_SMALLEST", 1)
    export_model(tiny_folder, tmp_path, "int8")
    graph = Path(GRAPH).with_suffix(".bin")
    assert (tmp_path / graph).stat().st_size < (tiny_build / graph).stat().st_size / 2


def test_layers_with_a_window_are_left_to_torch(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config |= {
        "use_sliding_window": True,
        "sliding_window": 8,
        "max_window_layers": 0,
        "layer_types": ["sliding_attention"] * 2,
    }
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="sliding_attention"):
        export_model(tmp_path / "model", tmp_path / "build", "f32")


def test_rounding_is_to_the_nearest_of_255_steps_per_output() -> None:
    matrix = np.random.default_rng(0).normal(0, [[0.01], [5.0]], (2, 300)).astype(np.float32)
    values, scales = rounded(matrix)
    assert np.abs(values * scales - matrix).max(axis=1) == pytest.approx(scales[:, 0] / 2, rel=0.05)
    assert rounded(np.zeros((1, 4), np.float32))[0].tolist() == [[0, 0, 0, 0]]
