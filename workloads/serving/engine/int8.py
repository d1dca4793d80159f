"""Linear layers with weights of 8 bits on a processor: a quarter of the memory, and whole-number products.

Weights have a scale per output, activations one per row: what a row gives does not depend on its company, to the last bit.
Not for GPUs. Speed, memory and what it costs in quality: benchmarks/RESULTS.md.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_LEVELS, _ZERO = (127, 128) if torch.cpu._is_vnni_supported() else (63, 64)
"""Of activations, either side of zero. Without VNNI pairs of products are added in 16 bits, which more levels overflow."""

_TINY = 1e-30


def quantized(weight: Tensor, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """x [rows, inputs] -> x W^T + b for a weight [outputs, inputs] in f32, with W to the nearest of 255 levels."""
    scales = weight.abs().amax(1).clamp_min_(_TINY) / 127
    packed = torch.ops.onednn.qlinear_prepack((weight / scales[:, None]).round_().to(torch.int8), None)
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    multiply = torch.ops.onednn.qlinear_pointwise

    def run(x: Tensor) -> Tensor:
        peak = x.abs().amax(-1, keepdim=True).clamp_min_(_TINY)
        levels = (x * (_LEVELS / peak)).add_(_ZERO + 0.5).to(torch.uint8)  # whole numbers by cutting: none is negative
        product: Tensor = multiply(
            levels, 1 / _LEVELS, _ZERO, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return product.mul_(peak) if bias is None else torch.addcmul(bias, product, peak)

    return run


class QuantizedLinear(nn.Module):
    """In the place of a linear layer."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._run = quantized(linear.weight.detach(), None if linear.bias is None else linear.bias.detach())
        self._outputs = linear.out_features

    def forward(self, x: Tensor) -> Tensor:
        return self._run(x.reshape(-1, x.shape[-1])).view(*x.shape[:-1], self._outputs)


def quantize_linears(model: nn.Module) -> None:
    """Put quantized layers in the place of all of a model's linear ones."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            model.set_submodule(name, QuantizedLinear(module))
