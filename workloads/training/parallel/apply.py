"""Cut a model over the processes of a layout, in place. The names of its weights stay."""

from collections.abc import Callable

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module

from cluster.errors import ResourceError
from workloads.training.objective import NextTokenLoss
from workloads.training.parallel.context import NAME, RowParts
from workloads.training.parallel.layout import COPIES, SHARDS, TENSOR, Layout
from workloads.training.precision import Precision

_MATRICES: dict[str, Callable[[], ParallelStyle]] = {
    "self_attn.q_proj": ColwiseParallel,
    "self_attn.k_proj": ColwiseParallel,
    "self_attn.v_proj": ColwiseParallel,
    "self_attn.o_proj": RowwiseParallel,
    "mlp.gate_proj": ColwiseParallel,
    "mlp.up_proj": ColwiseParallel,
    "mlp.down_proj": RowwiseParallel,
}
_OF_HEADS = ("self_attn.q_norm.weight", "self_attn.k_norm.weight")


def parallelise(objective: NextTokenLoss, layout: Layout, precision: Precision) -> None:
    """Tensor parallel within the layers, then shards of every layer and of what is left; rows are cut by `RowParts`.

    Raises ResourceError for more processes per matrix than key/value heads.
    """
    layers = objective.model.get_decoder().layers  # type: ignore[no-untyped-call]
    if layout.spec.tensor > 1:
        _cut_matrices(objective, layers, layout)
    if layout.context_group is not None:
        RowParts(layout.context_group).register()
        objective.model.set_attn_implementation(NAME)
    mesh = layout.mesh[COPIES, SHARDS] if layout.copies > 1 else layout.mesh[SHARDS]
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if precision.dtype == torch.bfloat16 else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    for layer in layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(objective, mesh=mesh, mp_policy=policy)
    for module in objective.modules():
        if isinstance(module, FSDPModule):  # gradients are sums; the step divides them by the number of targets
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


def _cut_matrices(objective: NextTokenLoss, layers: nn.ModuleList, layout: Layout) -> None:
    heads, count = objective.model.config.num_key_value_heads, layout.spec.tensor
    if heads % count:
        raise ResourceError(
            f"training.parallel.tensor {count} for {heads} key/value heads",
            "a divisor of the heads",
            "lower `training.parallel.tensor`",
        )
    for layer in layers:
        parallelize_module(layer, layout.mesh[TENSOR], {name: style() for name, style in _MATRICES.items()})


def partial_weights(objective: NextTokenLoss) -> list[nn.Parameter]:
    """Weights that every process of a matrix holds whole, and of whose gradient each has only that of its own heads."""
    return [each for name, each in objective.named_parameters() if name.endswith(_OF_HEADS)]
