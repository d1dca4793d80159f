"""How the training processes speak with each other: who takes part, sum a tensor, copy one. The loop knows only this."""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import distributed

from cluster.manifest import Json
from workloads.training.rollcall import CatchUp, Ending, News


class Communicator(Protocol):
    """A group of processes that make the same calls in the same order, from one meeting to the next. Any exchange may raise
    PeerLost, upon which all that are left meet again; in a group that does not outlive a process it raises something else."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def lasting(self) -> bool:
        """Whether the others go on where one leaves."""

    def meet(self, progress: int) -> CatchUp | None:
        """Settle with the others who takes part from now on, and whose state all shall copy, since it has made the greatest
        progress; None where all stand alike. Raises Ended where the run is over."""

    def sum(self, tensor: torch.Tensor) -> None:
        """Replace the tensor, in place, by the sum over all processes."""

    def copy(self, tensor: torch.Tensor, source: int = 0) -> None:
        """Replace the tensor, in place, by that of the process with this rank."""

    def news(self) -> News:
        """What this process should tell the others at the next step; answers at once."""

    def leave(self) -> None:
        """Go, while the others go on."""

    def end(self, how: Ending) -> None:
        """The run is over for all, also for those who have yet to join."""


class _Fixed:
    """A group that nobody joins or leaves."""

    lasting = False

    def news(self) -> News:
        return News()

    def leave(self) -> None: ...
    def end(self, how: Ending) -> None: ...


class Alone(_Fixed):
    """One process: nothing to exchange."""

    rank = 0
    size = 1

    def meet(self, progress: int) -> CatchUp | None:
        return None

    def sum(self, tensor: torch.Tensor) -> None: ...
    def copy(self, tensor: torch.Tensor, source: int = 0) -> None: ...


class TorchGroup(_Fixed):
    """The default process group of torch.distributed (gloo or nccl), which must be up."""

    def __init__(self) -> None:
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()

    def meet(self, progress: int) -> CatchUp | None:
        return None  # all stand alike: resume.py has seen to it

    def sum(self, tensor: torch.Tensor) -> None:
        distributed.all_reduce(tensor, op=distributed.ReduceOp.SUM)

    def copy(self, tensor: torch.Tensor, source: int = 0) -> None:
        distributed.broadcast(tensor, src=source)


def share_json(value: Mapping[str, Json], group: Communicator, device: torch.device, source: int = 0) -> dict[str, Json]:
    """The value of the process with this rank, in every process."""
    if group.size == 1:
        return dict(value)
    data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8).to(device)
    length = torch.tensor([len(data)], dtype=torch.int64, device=device)
    group.copy(length, source)
    if group.rank != source:
        data = torch.empty(int(length.item()), dtype=torch.uint8, device=device)
    group.copy(data, source)
    shared: dict[str, Json] = json.loads(data.cpu().numpy().tobytes())
    return shared


def share_tensors(tensors: Sequence[torch.Tensor], group: Communicator, source: int = 0) -> None:
    """Replace the tensors, in place, by those of the process with this rank."""
    for tensor in tensors:
        group.copy(tensor.data, source)
