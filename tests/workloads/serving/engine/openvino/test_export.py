"""What can be exported, in which weights, and what it says of itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import UserError
from tests.workloads.serving.tiny_model import write_model
from workloads.serving.engine.openvino import quantize
from workloads.serving.engine.openvino.description import GRAPH, Description, Weights, read_description
from workloads.serving.engine.openvino.export import export_model
from workloads.serving.engine.openvino.quantize import GROUP, _nibbles, grouped, rounded
from workloads.serving.engine.openvino.runtime import openvino


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


def test_four_bits_are_smaller_still(tmp_path: Path) -> None:
    """The embedding stays in 16 bits, and the output layer in 8."""
    folder = write_model(tmp_path / "model", width=256)
    kinds: tuple[Weights, ...] = ("int8", "int4")
    sizes = {}
    for weights in kinds:
        export_model(folder, tmp_path / weights, weights)
        sizes[weights] = (tmp_path / weights / GRAPH).with_suffix(".bin").stat().st_size
    vocabulary = read_description(tmp_path / "int8").vocabulary
    outside = 3 * 256 * vocabulary
    assert sizes["int4"] - outside < 0.7 * (sizes["int8"] - outside)


def test_four_bits_are_kept_to_within_half_a_level() -> None:
    matrix = np.random.default_rng(0).normal(0, [[0.01], [5.0], [0.0]], (3, 4 * GROUP)).astype(np.float32)
    matrix[1, 0] = 60.0  # an outlier costs its own group alone
    found = grouped(matrix)
    assert found.levels.max() <= 15
    error = np.abs(found.restored() - matrix.reshape(3, 4, GROUP))
    assert (error[:, 1:] <= found.scales[:, 1:] * 2).all()
    assert np.sqrt(np.square(error[1, 1:]).mean()) < 0.1 * 5.0
    assert np.sqrt(np.square(error[0]).mean()) < 0.1 * 0.01
    assert (error[2] == 0).all()


def test_nibbles_come_back_in_their_order() -> None:
    ov = openvino()
    values = np.random.default_rng(2).integers(0, 16, (3, 5, 1), dtype=np.uint8)
    graph = ov.Model([ov.opset13.convert(_nibbles(values), "f32")], [])
    assert ov.compile_model(graph, "CPU")([])[0].tolist() == values.tolist()


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
