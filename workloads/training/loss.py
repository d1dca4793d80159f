"""Summed cross-entropy of an output layer without the whole table of logits: made, used and dropped chunk by chunk.

The gradient is computed with the loss, while the chunk's logits are there, so nothing is computed twice.
"""

from typing import Any

import torch
from torch.nn import functional

IGNORED = -100  # targets that do not count


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, chunk: int, dtype: torch.dtype
    ) -> torch.Tensor:
        matrix = weight.to(dtype)
        wanted = any(ctx.needs_input_grad[:2])
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        hidden_gradient = torch.empty_like(hidden) if wanted else None
        weight_gradient = torch.zeros_like(weight) if wanted else None
        for start in range(0, len(targets), chunk):
            rows = slice(start, start + chunk)
            states = hidden[rows].to(dtype)
            loss, gradient = _chunk(states, matrix, targets[rows], wanted)
            total += loss
            if hidden_gradient is None or weight_gradient is None or gradient is None:
                continue
            hidden_gradient[rows] = gradient @ matrix
            if dtype == weight.dtype:
                weight_gradient.addmm_(gradient.t(), states)
            else:
                weight_gradient += gradient.t() @ states
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[torch.Tensor, torch.Tensor, None, None, None]:
        hidden_gradient, weight_gradient = ctx.saved_tensors
        return hidden_gradient * upstream[0], weight_gradient * upstream[0], None, None, None


def _chunk(
    states: torch.Tensor, matrix: torch.Tensor, targets: torch.Tensor, wanted: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(summed loss, gradient of the logits in the format of `states`) of some rows; softmax minus one at the target."""
    logits = (states @ matrix.t()).float()
    counted = targets != IGNORED
    ids = targets.clamp_min(0).unsqueeze(1)
    normaliser = torch.logsumexp(logits, dim=1, keepdim=True)
    loss = ((normaliser - logits.gather(1, ids)).squeeze(1) * counted).sum()
    if not wanted:
        return loss, None
    gradient = logits.sub_(normaliser).exp_()
    gradient.scatter_add_(1, ids, torch.full_like(ids, -1, dtype=gradient.dtype))
    return loss, gradient.mul_(counted.unsqueeze(1)).to(states.dtype)


def summed_cross_entropy(
    hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, chunk: int = 1024, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Sum over all targets that are not IGNORED, in nats.

    hidden [n, h], weight [vocabulary, h], targets [n] int64; `chunk` rows of logits at once, multiplied in `dtype`.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        total: torch.Tensor = _ChunkedCrossEntropy.apply(hidden, weight, targets, chunk, dtype)  # type: ignore[no-untyped-call]
    return total


def plain_cross_entropy(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same sum through the whole table of logits: what the chunked one is held to."""
    logits = functional.linear(hidden, weight).float()
    return functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
