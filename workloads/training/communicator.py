"""How the training processes speak with each other: sum a tensor, copy one from rank 0. The loop knows only this."""

import json
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import distributed

from cluster.manifest import Json


class Communicator(Protocol):
    """A fixed group of processes. Every process makes the same calls in the same order."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def sum(self, tensor: torch.Tensor) -> None:
        """Replace the tensor, in place, by the sum over all processes."""

    def copy_from_first(self, tensor: torch.Tensor) -> None:
        """Replace the tensor, in place, by that of rank 0."""


class Alone:
    """One process: nothing to exchange."""

    rank = 0
    size = 1

    def sum(self, tensor: torch.Tensor) -> None: ...
    def copy_from_first(self, tensor: torch.Tensor) -> None: ...


class TorchGroup:
    """The default process group of torch.distributed (gloo or nccl), which must be up."""

    def __init__(self) -> None:
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()

    def sum(self, tensor: torch.Tensor) -> None:
        distributed.all_reduce(tensor, op=distributed.ReduceOp.SUM)

    def copy_from_first(self, tensor: torch.Tensor) -> None:
        distributed.broadcast(tensor, src=0)


def share_json(value: Mapping[str, Json], group: Communicator, device: torch.device) -> dict[str, Json]:
    """Rank 0's value, in every process."""
    if group.size == 1:
        return dict(value)
    data = torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8, device=device)
    length = torch.tensor([len(data)], dtype=torch.int64, device=device)
    group.copy_from_first(length)
    if group.rank != 0:
        data = torch.empty(int(length.item()), dtype=torch.uint8, device=device)
    group.copy_from_first(data)
    shared: dict[str, Json] = json.loads(bytes(data.cpu().tolist()))
    return shared
