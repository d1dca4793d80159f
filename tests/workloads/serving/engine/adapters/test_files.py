"""PEFT's files: what is read from them, and everything that is told instead of being computed wrongly."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workloads.serving.tiny_adapter import ALL, write_adapter
from workloads.serving.engine.adapters.files import FILE, count_numbers, linear_shapes, read_adapter
from workloads.serving.engine.adapters.settings import read_strength
from workloads.serving.engine.adapters.unfit import UnfitAdapterError

Q = "model.layers.0.self_attn.q_proj"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "law", tiny_folder)


def rewrite(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes), encoding="utf-8")


def test_the_layers_of_the_blocks_may_be_changed_alone(tiny_folder: Path) -> None:
    shapes = linear_shapes(tiny_folder)
    assert {name.rpartition(".")[2] for name in shapes} == set(ALL)
    assert len(shapes) == 2 * len(ALL)
    assert shapes[Q] == (32, 32)
    assert shapes["model.layers.1.mlp.down_proj"] == (32, 64)


def test_a_change_holds_its_factor(tiny_folder: Path, folder: Path) -> None:
    layers = read_adapter(folder, linear_shapes(tiny_folder))
    tensors = load_file(folder / FILE)
    assert len(layers) == 14
    assert torch.equal(layers[Q].down, tensors[f"base_model.model.{Q}.lora_A.weight"])
    assert torch.equal(layers[Q].up, 2 * tensors[f"base_model.model.{Q}.lora_B.weight"].t())
    assert count_numbers(folder) == sum(tensor.numel() for tensor in tensors.values())


def test_how_strong_a_change_is(folder: Path) -> None:
    assert read_strength(folder).of(Q, 4) == 2.0
    rewrite(folder, lora_alpha=3, use_rslora=True, alpha_pattern={"layers.0.self_attn.q_proj": 8, "v_proj": 16})
    strength = read_strength(folder)
    assert strength.of(Q, 4) == 4.0
    assert strength.of("model.layers.1.self_attn.v_proj", 4) == 8.0
    assert strength.of("model.layers.1.self_attn.q_proj", 9) == 1.0
    assert strength.of("model.layers.10.self_attn.q_proj", 2) == pytest.approx(3 / math.sqrt(2))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"use_dora": True}, "sets use_dora"),
        ({"modules_to_save": ["lm_head"]}, "sets modules_to_save"),
        ({"peft_type": "IA3"}, "sets peft_type IA3"),
        ({"bias": "all"}, "sets bias all"),
        ({"init_lora_weights": "pissa"}, "sets init_lora_weights pissa"),
        ({"something_new": 3}, "sets something_new"),
        ({"lora_alpha": None}, "no usable lora_alpha"),
        ({"alpha_pattern": {"(": 1}}, "no usable lora_alpha or alpha_pattern"),
    ],
)
def test_what_is_computed_otherwise_is_refused(folder: Path, setting: dict[str, Any], says: str) -> None:
    rewrite(folder, **setting)
    with pytest.raises(UnfitAdapterError, match=says) as caught:
        read_strength(folder)
    assert str(caught.value.told("the adapter law")).startswith("the adapter law ")


def test_what_is_no_folder_of_an_adapter(folder: Path, tiny_folder: Path) -> None:
    shapes = linear_shapes(tiny_folder)
    (folder / "adapter_config.json").write_text("[1")
    with pytest.raises(UnfitAdapterError, match=r"no readable adapter_config.json"):
        read_adapter(folder, shapes)
    rewritten = folder.with_name("pickled")
    write_adapter(rewritten, tiny_folder)
    torch.save(load_file(rewritten / FILE), rewritten / "adapter_model.bin")
    (rewritten / FILE).unlink()
    with pytest.raises(UnfitAdapterError, match=r"no readable adapter_model.safetensors"):
        read_adapter(rewritten, shapes)
    (rewritten / FILE).write_bytes(b"\x08\0\0\0\0\0\0\0{nonsens")
    with pytest.raises(UnfitAdapterError, match=r"no readable adapter_model.safetensors"):
        count_numbers(rewritten)


@pytest.mark.parametrize("case", ["wide", "tall", "half", "unknown", "head", "embedding", "no number", "too large", "empty"])
def test_weights_that_do_not_fit_are_told(folder: Path, tiny_folder: Path, case: str) -> None:
    tensors, at = load_file(folder / FILE), f"base_model.model.{Q}"
    down, up = f"{at}.lora_A.weight", f"{at}.lora_B.weight"
    says = r"changes .*, which is not a layer of this model's blocks"
    if case == "wide":
        tensors[down], says = (
            torch.zeros(4, 48),
            r"has lora_A \[4, 48\], lora_B \[32, 4\] for .*, whose weight here is \[32, 32\]",
        )
    elif case == "tall":
        tensors[up], says = torch.zeros(48, 4), r"lora_B \[48, 4\]"
    elif case == "half":
        says = r"has lora_A \[4, 32\] for model"
        del tensors[up]
    elif case == "unknown":
        tensors["base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"] = torch.zeros(4, 32)
    elif case == "head":
        tensors["base_model.model.lm_head.lora_A.weight"] = torch.zeros(4, 32)
    elif case == "embedding":
        tensors["base_model.model.model.embed_tokens.lora_embedding_A"] = torch.zeros(4, 320)
    elif case == "no number":
        tensors[up], says = torch.full((32, 4), torch.nan), "weights for .* that are no numbers"
    elif case == "too large":
        tensors[up], says = torch.full((32, 4), 3e38), "that are no numbers"
    else:
        tensors, says = {}, "changes nothing"
    save_file(tensors, folder / FILE)
    with pytest.raises(UnfitAdapterError, match=says):
        read_adapter(folder, linear_shapes(tiny_folder))
