"""What the engine vllm refuses before anything is started."""

import os
from pathlib import Path

import pytest

from cluster.errors import DependencyError, UserError
from tests.workloads.serving.tiny_model import CONTEXT
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import EngineSettings
from workloads.serving.engine.decoder import read_config
from workloads.serving.engine.vllm import runtime


def test_without_vllm_the_line_says_what_to_install(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "available", lambda: False)
    with pytest.raises(DependencyError, match=r"needs the package vllm.*serving\.runtime_env.*pip install 'hanlin\[gpu\]'"):
        load_engine("vllm", tiny_folder, EngineSettings())


def test_eight_bits_are_refused(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "available", lambda: True)
    with pytest.raises(UserError, match=r"int8 weights with the engine vllm.*serving\.engine to torch"):
        load_engine("vllm", tiny_folder, EngineSettings(weights="int8"))


def test_a_model_that_does_not_generate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "available", lambda: True)
    (tmp_path / "config.json").write_text('{"architectures": ["BertForMaskedLM"], "max_position_embeddings": 64}')
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(UserError, match="BertForMaskedLM with the engine vllm; a model that generates"):
        load_engine("vllm", tmp_path, EngineSettings())


def test_the_context_is_the_models_or_less(tiny_folder: Path) -> None:
    config = read_config(tiny_folder)
    assert runtime.context_of(config, EngineSettings()) == CONTEXT
    assert runtime.context_of(config, EngineSettings(max_context=64)) == 64
    assert runtime.context_of(config, EngineSettings(max_context=10 * CONTEXT)) == CONTEXT


def test_its_process_is_started_with_the_threads_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with runtime.with_threads(EngineSettings(threads=3)):
        assert os.environ["OMP_NUM_THREADS"] == "3"
    with runtime.with_threads(EngineSettings()):
        assert os.environ["OMP_NUM_THREADS"] == "7"
