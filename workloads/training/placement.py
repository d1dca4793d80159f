"""Whole tensors and shards of them: what each process keeps of a weight, and the whole of it again. Local arithmetic but `whole`."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

Weight = TypeVar("Weight", bound=torch.Tensor)


def by_mesh(weights: Sequence[Weight]) -> list[list[Weight]]:
    """The same weights in lists that one kernel can update: those cut over the same processes together."""
    found: dict[object, list[Weight]] = {}
    for weight in weights:
        found.setdefault(weight.device_mesh if isinstance(weight, DTensor) else None, []).append(weight)
    return list(found.values())


def is_sharded(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, DTensor)


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def like_target(value: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """A whole tensor placed like `target`: each process takes its part of what it has itself, and asks nobody."""
    if not isinstance(target, DTensor):
        return value
    moved = value.to(target.device)
    return distribute_tensor(moved, target.device_mesh, target.placements, src_data_rank=None)


def whole(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every tensor in full. All processes of a sharded run call it together."""
    return {name: tensor.full_tensor() if isinstance(tensor, DTensor) else tensor for name, tensor in tensors.items()}
