"""Which process holds and computes what: a mesh of copies x (shards x context) x tensor. Ranks of one row's matrices are neighbours."""

from dataclasses import dataclass

import torch
from torch import distributed
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from workloads.training.parallel.spec import ParallelSpec

COPIES, SHARDS, TENSOR = "copies", "shards", "tensor"


@dataclass(frozen=True)
class Layout:
    """This process's place. The mesh's dimension SHARDS counts shards times context: weights are cut over both."""

    spec: ParallelSpec
    mesh: DeviceMesh
    context_group: distributed.ProcessGroup | None

    @staticmethod
    def of(spec: ParallelSpec, device: torch.device) -> "Layout":
        """All processes call it together. Raises ValueError for a number of processes that the groups do not divide."""
        size = distributed.get_world_size()
        if size % spec.group:
            raise ValueError(f"{size} processes for groups of {spec.group}")
        shape = (size // spec.group, spec.shard * spec.context, spec.tensor)
        mesh = init_device_mesh(device.type, shape, mesh_dim_names=(COPIES, SHARDS, TENSOR))
        return Layout(spec, mesh, _context_group(spec, size))

    @property
    def copies(self) -> int:
        return int(self.mesh.size(0))

    @property
    def tensor_rank(self) -> int:
        return int(self.mesh.get_local_rank(TENSOR))

    @property
    def context_rank(self) -> int:
        return int(self.mesh.get_local_rank(SHARDS)) % self.spec.context

    @property
    def share(self) -> tuple[int, int]:
        """(number, count) of this process's share of the micro-batches; processes of one row and one matrix read the same."""
        readers = self.spec.shard
        number = self.mesh.get_local_rank(COPIES) * readers + self.mesh.get_local_rank(SHARDS) // self.spec.context
        return int(number), self.copies * readers

    @property
    def tells(self) -> bool:
        """Whether it speaks for its share, where several processes read the same rows."""
        return self.tensor_rank == 0 and self.context_rank == 0


def _context_group(spec: ParallelSpec, size: int) -> distributed.ProcessGroup | None:
    """The processes that hold the other parts of the same rows."""
    if spec.context == 1:
        return None
    apart, block = spec.tensor, spec.tensor * spec.context
    groups = [[start + t + apart * c for c in range(spec.context)] for start in range(0, size, block) for t in range(apart)]
    mine: distributed.ProcessGroup | None
    mine, _ = distributed.new_subgroups_by_enumeration(groups)  # type: ignore[no-untyped-call]
    return mine
