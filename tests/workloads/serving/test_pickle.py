"""Weights in pickle, which runs code when it is read, are never loaded; the message says what is."""

from pathlib import Path

import pytest
import torch

from cluster.errors import HanlinError
from tests.workloads.serving.tiny_model import write_model
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings


def test_an_engine_refuses_pickled_weights(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(HanlinError, match="safetensors") as caught:
        load_engine("torch", folder, EngineSettings(slots=1, threads=1))
    assert "\n" not in str(caught.value)
