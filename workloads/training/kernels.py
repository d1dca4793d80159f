"""Fused GPU kernels for norms, rotary embedding and gated feed-forward layers, from the package liger-kernel. Not for the loss: loss.py."""

from collections.abc import Callable

from transformers import PreTrainedModel

from cluster.errors import DependencyError, ResourceError


def use_liger(model: PreTrainedModel) -> None:
    """Replace them in a decoder, in place; weights and their names stay. Raises ResourceError off a GPU, DependencyError where the package
    is not installed."""
    device = next(model.parameters()).device.type
    if device != "cuda":
        raise ResourceError(
            f"training.kernels liger on a {device}", "a GPU: the kernels are written for one", "set `training.kernels: torch`"
        )
    _liger()(rope=True, rms_norm=True, swiglu=True, cross_entropy=False, fused_linear_cross_entropy=False, model=model)


def _liger() -> Callable[..., None]:
    try:
        from liger_kernel.transformers import apply_liger_kernel_to_qwen3
    except ImportError as error:
        raise DependencyError(
            "training.kernels liger needs the package liger-kernel", "", "pip install 'hanlin[liger]'"
        ) from error
    apply: Callable[..., None] = apply_liger_kernel_to_qwen3
    return apply
