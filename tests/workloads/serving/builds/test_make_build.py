"""Builds made and judged for real, of the tiny model, without a Ray session."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cluster.artifacts import ArtifactStore
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.builds import remote
from workloads.serving.builds.remote import make_build
from workloads.serving.engine.openvino import export, quantize, runtime
from workloads.serving.engine.openvino.description import GRAPH, read_description

pytestmark = pytest.mark.skipif(not runtime.available(), reason=f"the engine openvino needs: {runtime.INSTALL}")


def test_a_sound_build_is_accepted_with_its_figures(tiny_folder: Path, tmp_path: Path) -> None:
    built = make_build(tiny_folder, None, tmp_path, "f32", 1)
    assert built.refusal == ""
    assert (tmp_path / GRAPH).exists()
    assert built.parity is not None
    assert built.parity.equal == built.parity.prompts == 4
    assert built.parity.bits_build == pytest.approx(built.parity.bits_reference, rel=1e-5)
    assert built.facts()["greedy_equal"] == "4/4"


def test_spoilt_weights_are_refused_and_say_why(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def coarse(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        scales = np.abs(matrix).max(axis=1, keepdims=True).astype(np.float32) + np.float32(1e-6)
        return np.rint(matrix / scales).astype(np.int8), scales  # one bit and a sign

    monkeypatch.setattr(quantize, "rounded", coarse)
    monkeypatch.setattr(quantize, "_SMALLEST", 1)
    built = make_build(tiny_folder, None, tmp_path, "int8", 1)
    assert "nats off on the mean" in built.refusal
    assert built.facts()["accepted"] == "no"


def test_the_task_puts_an_accepted_build_where_it_was_told(tiny_folder: Path, tmp_path: Path) -> None:
    model = commit_model(ArtifactStore(str(tmp_path / "store")), tiny_folder, "m")
    built = remote._build._function(model.uri, "", "f32", 1, str(tmp_path / "draft"))
    assert built.refusal == ""
    assert read_description(tmp_path / "draft").weights == "f32"


def test_a_model_that_cannot_be_traced_is_refused_and_ends_no_run(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trace(model: object) -> None:
        raise RuntimeError("in the middle of the graph\n  no such operation\n")

    monkeypatch.setattr(export, "_trace", trace)
    built = make_build(tiny_folder, None, tmp_path, "bf16", 1)
    assert built.refusal == "it cannot be exported (RuntimeError: no such operation)"
    assert built.parity is None
