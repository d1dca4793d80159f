"""Whether a model's training fits into a worker's memory, told before the first step; and what would fit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from cluster.errors import ResourceError
from workloads.models.size import ModelCost, describe, readable_bytes
from workloads.models.spec import ModelSpec
from workloads.training.eight_bit import BYTES_PER_PARAMETER
from workloads.training.spec import TrainingSpec

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def training_cost(spec: TrainingSpec, model: ModelSpec, vocabulary: int, sequence_length: int, micro_batch: int) -> ModelCost:
    """What training a model with these settings takes, with so many rows at once."""
    cost = describe(model, vocabulary, sequence_length, micro_batch)
    if spec.optimizer_states == "f32":
        return cost
    return replace(cost, optimizer_bytes=round(BYTES_PER_PARAMETER * cost.parameters))


def require_fit(cost_of: Callable[[int], ModelCost], micro_batch: int, available: int, where: str) -> None:
    """`cost_of` tells the cost of training with so many rows at once. Raises ResourceError where `available` bytes are fewer
    than weights, gradients, optimizer state and activations together need."""
    cost = cost_of(micro_batch)
    if cost.training_bytes <= available:
        return
    fitting = next((rows for rows in range(micro_batch - 1, 0, -1) if cost_of(rows).training_bytes <= available), 0)
    raise ResourceError(
        f"training this model needs {readable_bytes(cost.training_bytes)} in each worker ({cost.parameters:,} parameters, "
        f"{micro_batch} rows at once)",
        f"{where} has {readable_bytes(available)}",
        f"set `training.micro_batch: {fitting}`" if fitting else "take a smaller `model.preset`, or a machine with more memory",
    )


def memory_of(device: torch.device) -> int:
    """Bytes that this device has for one process: a GPU's own, or what this machine or its container may use."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    total = psutil.virtual_memory().total
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        return int(total)
    return min(total, int(limit)) if limit.isdigit() else int(total)
