"""Causal attention for bf16 on a processor: block by block through plain matrix products, which its bf16 units serve best.

torch's own kernel for processors is 2.5 times slower here (forward and backward, rows of 512 tokens, one thread); in f32 and on
a GPU it is the better one. Registered with transformers under NAME; not for decoding with a cache.
"""

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "hanlin_blocks"
_BLOCK = 128  # queries at once: fewer leave less of the square above the diagonal, more make larger products


class _BlockedAttention(torch.autograd.Function):
    """query [groups, shared, L, d], already scaled; key and value [groups, L, d]; mask bool [batch, L, L] or None for causal."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        output, weights = torch.empty_like(query), []
        for rows, seen in _blocks(query.shape[2]):
            scores = _flat(query[:, :, rows]) @ key[:, :seen].transpose(1, 2)
            _hide(scores, mask, rows, seen, query.shape)
            weights.append(torch.softmax(scores, -1))
            output[:, :, rows] = (weights[-1] @ value[:, :seen]).view_as(output[:, :, rows])
        ctx.save_for_backward(query, key, value, *weights)
        return output

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        query, key, value, *weights = ctx.saved_tensors
        of_query, of_key, of_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for (rows, seen), weight in zip(_blocks(query.shape[2]), weights, strict=True):
            given = _flat(upstream[0][:, :, rows])
            of_value[:, :seen].baddbmm_(weight.transpose(1, 2), given)
            of_weight = given @ value[:, :seen].transpose(1, 2)
            of_scores = torch._softmax_backward_data(of_weight, weight, -1, weight.dtype)
            of_query[:, :, rows] = (of_scores @ key[:, :seen]).view_as(of_query[:, :, rows])
            of_key[:, :seen].baddbmm_(of_scores.transpose(1, 2), _flat(query[:, :, rows]))
        return of_query, of_key, of_value, None


def _blocks(length: int) -> list[tuple[slice, int]]:
    """(rows of queries, keys that the last of them sees) of each block."""
    return [(slice(start, min(start + _BLOCK, length)), min(start + _BLOCK, length)) for start in range(0, length, _BLOCK)]


def _flat(queries: torch.Tensor) -> torch.Tensor:
    """[groups, shared, n, d] -> [groups, shared * n, d]."""
    return queries.reshape(queries.shape[0], -1, queries.shape[3])


def _hide(scores: torch.Tensor, mask: torch.Tensor | None, rows: slice, seen: int, shape: torch.Size) -> None:
    """Minus infinity where a query must not look: above the diagonal, or outside the mask; in place."""
    groups, shared, count = shape[0], shape[1], rows.stop - rows.start
    table = scores.view(groups, shared, count, seen)
    if mask is None:
        above = torch.ones(count, count, dtype=torch.bool, device=scores.device).triu(1)
        table[..., rows].masked_fill_(above, float("-inf"))
    else:
        hidden = ~mask[:, rows, :seen]
        each = table.view(len(hidden), -1, count, seen)
        each.masked_fill_(hidden.unsqueeze(1), float("-inf"))


def blocked_attention(
    module: torch.nn.Module,  # noqa: ARG001  # as transformers calls it
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it: query [n, heads, L, d], key and value [n, kv heads, L, d], mask bool [n, 1, L, L] (true: seen; every
    query sees one key at least) or None for causal. Gives [n, L, heads, d]."""
    rows, heads, length, width = query.shape
    groups = rows * key.shape[1]
    scaled = (query * (scaling or width**-0.5)).to(value.dtype).reshape(groups, -1, length, width)
    keys, values = (each.to(value.dtype).reshape(groups, length, width) for each in (key, value))
    mask = None if attention_mask is None else attention_mask[:, 0]
    output = _BlockedAttention.apply(scaled, keys, values, mask)  # type: ignore[no-untyped-call]
    return output.view(rows, heads, length, width).transpose(1, 2), None


def register() -> None:
    """Make transformers know NAME."""
    AttentionInterface.register(NAME, blocked_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
