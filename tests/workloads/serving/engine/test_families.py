"""A folder's config says which engine it is for."""

import json
from pathlib import Path

import pytest
from transformers import T5Config, T5ForConditionalGeneration

from cluster.errors import UserError
from workloads.serving.engine.base import EngineSettings
from workloads.serving.engine.families import open_folder
from workloads.serving.engine.torch_engine import TorchEngine


def test_a_decoder_gets_the_engine_of_decoders(tiny_folder: Path) -> None:
    engine = open_folder(tiny_folder, EngineSettings(threads=1))
    engine.close()
    assert isinstance(engine, TorchEngine)
    assert engine.capabilities.grammars


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    config = T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="is a t5"):
        open_folder(tmp_path, EngineSettings())


def test_a_family_that_transformers_does_not_know_is_refused(tmp_path: Path) -> None:
    config = {"architectures": ["DreamModel"], "model_type": "dream", "vocab_size": 9, "max_position_embeddings": 8}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be loaded"):
        open_folder(tmp_path, EngineSettings())
