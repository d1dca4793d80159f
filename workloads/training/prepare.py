"""From a model and the recipe to the step that trains it: in one piece per process, or cut over several."""

from collections.abc import Iterable
from functools import partial
from typing import Protocol

import torch
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts
from transformers import PreTrainedModel

from workloads.training import packed
from workloads.training.communicator import Communicator
from workloads.training.kernels import use_liger
from workloads.training.objective import Batch, NextTokenLoss
from workloads.training.optimizer import TrainingOptimizer, make_optimizer
from workloads.training.precision import Precision
from workloads.training.spec import TrainingSpec
from workloads.training.step import Accepts, OptimizerStep, Signals, StepResult


class Step(Protocol):
    """What the loop needs of OptimizerStep and ShardedStep."""

    @property
    def knows_rows(self) -> bool: ...

    @property
    def share(self) -> tuple[int, int]: ...

    def run(self, batches: Iterable[Batch], learning_rate: float, signals: Signals, accepts: Accepts = ...) -> StepResult: ...

    def row_losses(self, batch: Batch) -> list[float]: ...

    def evaluate(self, batches: Iterable[Batch]) -> tuple[float, int]: ...


def prepare(
    model: PreTrainedModel, spec: TrainingSpec, group: Communicator, precision: Precision
) -> tuple[Step, TrainingOptimizer]:
    """The step and its optimizer, whose state has yet to be made (optimizer.create_state) or restored."""
    objective = NextTokenLoss(model, precision, spec.z_loss)
    keep_less(model, spec)
    if packs_documents(spec, precision):
        packed.register()
        model.set_attn_implementation(packed.NAME)
    if spec.kernels == "liger":
        use_liger(model)
    if spec.compile:
        for layer in model.get_decoder().layers:  # type: ignore[no-untyped-call]
            layer.compile()
    if spec.parallel.plain:
        optimizer = make_optimizer(model, spec)
        return OptimizerStep(objective, optimizer, group, spec.clip), optimizer
    from workloads.training.parallel.apply import parallelise  # torch.distributed: seconds to import
    from workloads.training.parallel.layout import Layout
    from workloads.training.parallel.step import ShardedStep

    layout = Layout.of(spec.parallel, next(model.parameters()).device)
    parallelise(objective, layout, precision)
    optimizer = make_optimizer(model, spec)
    return ShardedStep(objective, optimizer, group, layout, spec.clip), optimizer


def packs_documents(spec: TrainingSpec, precision: Precision) -> bool:
    """Whether documents are kept apart by their bounds, which batches then have to bring."""
    return spec.document_mask and spec.parallel.context == 1 and packed.can_pack(precision)


def keep_less(model: PreTrainedModel, spec: TrainingSpec) -> None:
    """Compute activations again in the backward pass instead of keeping them, as far as the recipe says."""
    if spec.recompute == "none":
        return
    chosen = {"context_fn": partial(create_selective_checkpoint_contexts, _policy)} if spec.recompute == "selective" else {}
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable  # before 5.24
    enable({"use_reentrant": False, **chosen})


_EXPENSIVE = {
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
}


def _policy(_context: object, operation: object, *_: object, **__: object) -> CheckpointPolicy:
    """Products of matrices are kept, the rest is cheap."""
    return CheckpointPolicy.MUST_SAVE if operation in _EXPENSIVE else CheckpointPolicy.PREFER_RECOMPUTE
