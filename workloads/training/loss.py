"""Summed cross-entropy of an output layer without the whole table of logits: made, used and dropped chunk by chunk.

The gradient is computed with the loss, while the chunk's logits are there, so nothing is computed twice.
"""

from typing import Any

import torch
from torch.nn import functional

IGNORED = -100  # targets that do not count
_CACHED = 1 << 20  # numbers: 4 MiB of f32
_GPU_ROWS = 1024


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        chunk: int,
        dtype: torch.dtype,
        z_loss: float,
    ) -> torch.Tensor:
        matrix = weight.to(dtype)
        wanted = any(ctx.needs_input_grad[:2])
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        hidden_gradient = torch.empty_like(hidden) if wanted else None
        weight_gradient = torch.zeros_like(weight, dtype=torch.float32) if wanted else None
        for start in range(0, len(targets), chunk):
            rows = slice(start, start + chunk)
            states, counted = hidden[rows].to(dtype), (targets[rows] != IGNORED).unsqueeze(1)
            table = states @ matrix.t()
            for piece in _pieces(table):
                total += _to_gradient(table[piece], targets[rows][piece], counted[piece], wanted, z_loss)
            if hidden_gradient is None or weight_gradient is None:
                continue
            hidden_gradient[rows] = (table @ matrix) * counted
            if dtype == torch.float32:
                weight_gradient.addmm_(table.t(), states * counted)
            else:
                weight_gradient += table.t() @ (states * counted)
        ctx.save_for_backward(hidden_gradient, None if weight_gradient is None else weight_gradient.to(weight.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[torch.Tensor, torch.Tensor, None, None, None, None]:
        hidden_gradient, weight_gradient = ctx.saved_tensors
        return hidden_gradient * upstream[0], weight_gradient * upstream[0], None, None, None, None


def _pieces(table: torch.Tensor) -> list[slice]:
    """The rows that are worked on at once: on a processor as few as its cache holds."""
    at_once = max(1, _CACHED // table.shape[1]) if table.device.type == "cpu" else _GPU_ROWS
    return [slice(start, start + at_once) for start in range(0, len(table), at_once)]


def _to_gradient(
    logits: torch.Tensor, targets: torch.Tensor, counted: torch.Tensor, wanted: bool, z_loss: float
) -> torch.Tensor:
    """Summed loss of some rows. Where it is `wanted`, the logits become their own gradient: softmax minus one at the target. Rows
    that are not counted have one as well, for the caller to leave out: the table is large, what it is multiplied with small."""
    ids = targets.clamp_min(0).unsqueeze(1)
    chances = torch.log_softmax(logits, 1, dtype=torch.float32)
    picked = chances.gather(1, ids)
    if wanted:
        gradient = chances.exp_()
        if z_loss:
            gradient.mul_(1 + 2 * z_loss * (logits.gather(1, ids).float() - picked))
        gradient.scatter_add_(1, ids, torch.full_like(ids, -1, dtype=gradient.dtype))
        logits.copy_(gradient)
    return -(picked * counted).sum()


def summed_cross_entropy(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    chunk: int = 1024,
    dtype: torch.dtype = torch.float32,
    z_loss: float = 0.0,
) -> torch.Tensor:
    """Sum over all targets that are not IGNORED, in nats.

    hidden [n, h], weight [vocabulary, h], targets [n] int64; `chunk` rows of logits at once, multiplied in `dtype`. `z_loss` adds
    that share of the squared log-normaliser (PaLM, arXiv 2204.02311, section 5) to the gradient; the value stays the
    cross-entropy.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        total: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden, weight, targets, chunk, dtype, z_loss
        )
    return total


def usual_chunk(device: torch.device) -> int:
    """Rows of logits at once: bounds the memory, and how often the gradient of the whole weight is added up."""
    return 1024 if device.type == "cpu" else 4096


def plain_cross_entropy(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same sum through the whole table of logits: what the chunked one is held to."""
    logits = functional.linear(hidden, weight).float()
    return functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
