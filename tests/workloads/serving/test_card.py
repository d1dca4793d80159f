"""What a gateway learns of a model folder, and the defaults of the section."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from cluster.errors import UserError
from tests.workloads.serving.tiny_model import CHAT_TEMPLATE
from workloads.serving.card import ModelCard, read_card
from workloads.serving.engine.base import Capabilities
from workloads.serving.spec import ServingSpec

CAPABILITIES = Capabilities("torch", 128, 320, 4, "cpu", 1000)


def read(folder: Path) -> ModelCard:
    return read_card(folder, "1", "f", 0, CAPABILITIES)


def test_a_folder_as_training_leaves_it(tiny_folder: Path) -> None:
    card = read(tiny_folder)
    assert card.chat_template == CHAT_TEMPLATE
    assert card.stop_strings == ("\n问：",)
    assert card.stop_token_ids == (0,)
    assert card.special_tokens["eos_token"] == "<|endoftext|>"
    assert (card.temperature, card.top_p, card.top_k) == (1.0, 1.0, 0)
    assert card.tokenizer == (tiny_folder / "tokenizer.json").read_bytes()


def test_other_ways_that_folders_are_written(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    named = [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]
    settings = {"chat_template": named, "bos_token": {"content": "<s>"}, "pad_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    generation = {"eos_token_id": [1, 2], "temperature": 0.7, "top_p": 0.9, "top_k": 20, "stop_strings": "。"}
    (tmp_path / "generation_config.json").write_text(json.dumps(generation))
    card = read(tmp_path)
    assert card.chat_template == "d"
    assert card.special_tokens == {"bos_token": "<s>"}
    assert card.stop_token_ids == (1, 2)
    assert card.stop_strings == ("。",)
    assert (card.temperature, card.top_p, card.top_k) == (0.7, 0.9, 20)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tokenizer\.json"):
        read(tmp_path)


def test_the_defaults_bind_to_loopback_and_leave_room_on_two_processors() -> None:
    spec = ServingSpec()
    assert spec.host == "127.0.0.1"
    assert spec.cpus_per_replica + spec.gateway_cpus <= 2
    assert ServingSpec(threads=3).engine_threads == 3
    assert ServingSpec(cpus_per_replica=6).engine_threads == 6
    assert ServingSpec(replicas=64).engine_threads == 1
    with pytest.raises(ValidationError):
        ServingSpec(port=0)
