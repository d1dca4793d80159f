"""A tiny model for the tests of engines and replicas."""

from pathlib import Path

import pytest

from tests.workloads.serving.tiny_model import write_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: Qwen3, random weights, context of 128 tokens."""
    return write_model(tmp_path_factory.mktemp("model") / "tiny")
