"""Linear layers as functions: weights laid out for the processor, one matrix of several, or the mapped file as it is. In 8 bits:
int8.py."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import Tensor

from workloads.serving.engine.base import Weights
from workloads.serving.engine.int8 import quantized

Linear = Callable[[Tensor], Tensor]
Join = Callable[[Sequence[Tensor], Tensor | None], Linear]
"""Makes one product of matrices with the same inputs, stacked by outputs, and of the norm's weight before them."""


def linear_for(device: torch.device, precision: Weights, large: bool) -> Callable[[Tensor], Linear]:
    if precision == "int8":
        return quantized
    return plain if large or device.type != "cpu" else packed


def folded(linear: Callable[[Tensor], Linear]) -> Join:
    """One matrix, with the norm's weight in it: fewer operations, and a copy of all weights."""

    def join(parts: Sequence[Tensor], norm: Tensor | None) -> Linear:
        whole = parts[0] if len(parts) == 1 else torch.cat(list(parts))
        return linear(whole if norm is None else whole * norm)

    return join


def mapped(parts: Sequence[Tensor], norm: Tensor | None) -> Linear:
    """The matrices as the file has them: where that is mapped into memory, every process of a machine reads the same pages."""

    def run(x: Tensor) -> Tensor:
        x = x if norm is None else x * norm
        found = [F.linear(x, part) for part in parts]
        return found[0] if len(found) == 1 else torch.cat(found, -1)

    return run


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
