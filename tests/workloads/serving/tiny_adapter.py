"""Adapters of the tiny model in PEFT's files, with random weights, and the model that each makes when it is merged."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from cluster.artifacts import Artifact
from workloads.serving.engine.base import Adapter

ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_LORA = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "init_lora_weights": True, "lora_dropout": 0.05}


def write_adapter(
    folder: Path, model: Path, seed: int = 0, rank: int = 4, targets: Sequence[str] = ALL, **settings: Any
) -> Path:
    """What PEFT's save_pretrained writes; strong enough to change what the model says."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for layer, weight in _layers(model, targets).items():
        outputs, inputs = weight.shape
        name = f"base_model.model.{layer}"
        tensors[f"{name}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator) / inputs**0.5
        tensors[f"{name}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator) * 0.3
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = _LORA | {"r": rank, "lora_alpha": 2 * rank, "target_modules": list(targets)} | settings
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_merged(folder: Path, model: Path, adapter: Path, factor: float = 2.0) -> Path:
    """The model folder with an adapter's changes, `factor` times B A, added to its weights."""
    shutil.copytree(model, folder)
    weights, changes = load_file(model / "model.safetensors"), load_file(adapter / "adapter_model.safetensors")
    for name in changes:
        if name.endswith(".lora_A.weight"):
            layer = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            weights[f"{layer}.weight"] += factor * changes[name.replace("lora_A", "lora_B")] @ changes[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def as_asked(artifact: Artifact, name: str = "law") -> Adapter:
    """An adapter artifact as a request carries it."""
    return Adapter(name, artifact.content_hash, artifact.uri)


def _layers(model: Path, targets: Sequence[str]) -> dict[str, Tensor]:
    weights = load_file(model / "model.safetensors")
    names = [name.removesuffix(".weight") for name in sorted(weights) if name.split(".")[-2] in targets]
    return {name: weights[f"{name}.weight"] for name in names}
