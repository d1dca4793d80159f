"""A tiny model for the tests of engines and replicas."""

from pathlib import Path

import pytest

from tests.workloads.serving.tiny_model import write_model
from workloads.serving.engine.openvino import runtime


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: Qwen3, random weights, context of 128 tokens."""
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def wide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with heads of 32 numbers, the fewest that vLLM attends with on a processor."""
    return write_model(tmp_path_factory.mktemp("model") / "wide", head_size=32)


@pytest.fixture(scope="session")
def tiny_build(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its engine build in 32 bits, so as to be compared; skips where OpenVINO is not installed."""
    if not runtime.available():
        pytest.skip(f"the engine openvino needs: {runtime.INSTALL}")
    from workloads.serving.engine.openvino.export import export_model

    folder = tmp_path_factory.mktemp("build")
    export_model(tiny_folder, folder, "f32")
    return folder
