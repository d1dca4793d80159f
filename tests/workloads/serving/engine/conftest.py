"""The folder of tests that need OpenVINO: an engine build of the tiny model."""

from pathlib import Path

import pytest

from workloads.serving.engine.openvino import runtime


@pytest.fixture(scope="session")
def tiny_build(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not runtime.available():
        pytest.skip(f"the engine openvino needs: {runtime.INSTALL}")
    from workloads.serving.engine.openvino.export import export_model

    folder = tmp_path_factory.mktemp("build")
    export_model(tiny_folder, folder, "f32")
    return folder
