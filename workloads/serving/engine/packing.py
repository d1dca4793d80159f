"""Linear layers in 32 bits as functions, with weights laid out for the processor. In 8 bits: int8.py."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import Tensor

PACK_BELOW = 300_000_000
"""Parameters up to which weights are kept twice, packed for many rows and transposed for one: faster by a third to a half
at either end (measured on AVX2), at twice the memory."""

Linear = Callable[[Tensor], Tensor]


def plain(weight: Tensor) -> Linear:
    return lambda x: F.linear(x, weight)


def packed(weight: Tensor) -> Linear:
    """Weights in oneDNN's own layout for several rows, transposed for one row."""
    narrow = weight.t().contiguous()
    try:
        wide = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 8)
        multiply = torch.ops.mkldnn._linear_pointwise
        multiply(weight.new_zeros(2, weight.shape[1]), wide, None, "none", [], "")
    except (AttributeError, RuntimeError):  # a build without oneDNN
        return plain(weight)

    def run(x: Tensor) -> Tensor:
        if x.shape[0] == 1:
            return x @ narrow
        return multiply(x, wide, None, "none", [], "")  # type: ignore[no-any-return]

    return run
