"""An adapter's weights from PEFT's files, checked against the model that they are for. Safetensors alone: nothing in it runs.

Not for how strong a change is (settings.py) nor for computing with it (mixture.py).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from workloads.serving.engine.adapters.settings import Strength, read_strength
from workloads.serving.engine.adapters.unfit import UnfitAdapterError

FILE = "adapter_model.safetensors"
_TENSOR = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<part>[AB])\.weight")
_OF_A_BLOCK = re.compile(r"\.\d+\.")
Shapes = Mapping[str, tuple[int, int]]
"""Name of a linear layer -> its outputs and inputs."""


@dataclass(frozen=True, eq=False)
class LowRank:
    """The change of one linear layer: `down` [rank, inputs], `up` [rank, outputs], the factor within `up`; f32."""

    down: Tensor
    up: Tensor


def linear_shapes(folder: Path) -> Shapes:
    """The layers of a model folder that an adapter may change: those of its blocks, not what reads and writes tokens."""
    shapes: dict[str, tuple[int, int]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with _opened(file) as opened:
            for name in opened.keys():  # noqa: SIM118 - no mapping
                shape = opened.get_slice(name).get_shape()
                if name.endswith(".weight") and len(shape) == 2 and _OF_A_BLOCK.search(name):
                    shapes[name.removesuffix(".weight")] = (shape[0], shape[1])
    return shapes


def count_numbers(folder: Path) -> int:
    """How many numbers an adapter's file holds, by its header. Raises UnfitAdapterError where it cannot be read."""
    with _opened(folder / FILE) as opened:
        shapes = [opened.get_slice(name).get_shape() for name in opened.keys()]  # noqa: SIM118 - no mapping
    return sum(torch.Size(shape).numel() for shape in shapes)


def read_adapter(folder: Path, shapes: Shapes) -> dict[str, LowRank]:
    """The changes by layer. Raises UnfitAdapterError for what is unreadable, was not made for a model of these shapes, or is no
    number."""
    strength = read_strength(folder)
    halves: dict[str, dict[str, Tensor]] = {}
    with _opened(folder / FILE) as opened:
        for name in opened.keys():  # noqa: SIM118 - no mapping
            found = _TENSOR.fullmatch(name)
            if found is None or found["layer"] not in shapes:
                raise _foreign(f"changes {name}, which is not a layer of this model's blocks")
            halves.setdefault(found["layer"], {})[found["part"]] = opened.get_tensor(name).float()
    if not halves:
        raise _foreign("changes nothing")
    return {layer: _change(layer, halves[layer], shapes[layer], strength) for layer in sorted(halves)}


def _change(layer: str, parts: dict[str, Tensor], shape: tuple[int, int], strength: Strength) -> LowRank:
    outputs, inputs = shape
    down, up = parts.get("A"), parts.get("B")
    if down is None or up is None or down.dim() != 2 or up.shape != (outputs, len(down)) or down.shape[1] != inputs:
        given = ", ".join(f"lora_{part} {list(parts[part].shape)}" for part in sorted(parts))
        raise _foreign(f"has {given} for {layer}, whose weight here is {[outputs, inputs]}")
    change = LowRank(down, up.t().contiguous() * strength.of(layer, len(down)))
    if not (change.down.isfinite().all() and change.up.isfinite().all()):
        raise UnfitAdapterError(f"has weights for {layer} that are no numbers", "finite weights", "train it again")
    return change


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (OSError, SafetensorError) as error:
        reason = type(error).__name__ if isinstance(error, OSError) else str(error)
        raise UnfitAdapterError(f"has no readable {file.name} ({reason})", "weights in safetensors") from error


def _foreign(reason: str) -> UnfitAdapterError:
    return UnfitAdapterError(reason, "a LoRA adapter that was trained on this very model", "publish it for that one")
