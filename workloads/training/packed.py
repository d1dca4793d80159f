"""Attention within documents by their bounds instead of a mask: on a GPU, a row's documents cost as much as they are long.

torch's kernel for sequences of any length (`torch.nn.attention.varlen`, from 2.11 on; bf16 on Ampere and later). Elsewhere documents
are kept apart by a mask (objective.py). Registered with transformers under NAME; not for decoding with a cache.
"""

from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from workloads.training.precision import Precision

NAME = "hanlin_packed"
_BACKWARD = (-1, 0)  # a token sees all that is before it in its document


def can_pack(precision: Precision) -> bool:
    """Whether the kernel serves this device and format."""
    return precision.device_type == "cuda" and precision.dtype == torch.bfloat16


def document_bounds(documents: torch.Tensor) -> torch.Tensor:
    """[n, L] document numbers -> int32 [documents + 1]: where each begins among all n * L tokens, and their number. A row ends a
    document."""
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    places = begins.flatten().nonzero().flatten()
    return torch.cat([places, places.new_tensor([documents.numel()])]).to(torch.int32)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """As transformers calls it: query [n, heads, L, d], key and value [n, kv heads, L, d], and the bounds; without bounds as torch's usual
    attention. Gives [n, L, heads, d]."""
    if cu_seq_lens_q is None:
        output, weights = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **others)
        return output, weights
    rows, heads, length, width = query.shape
    shared = heads // key.shape[1]
    queries, keys, values = (
        each.to(value.dtype).repeat_interleave(repeats, dim=1).transpose(1, 2).reshape(rows * length, heads, width)
        for each, repeats in ((query, 1), (key, shared), (value, shared))
    )
    packed = varlen_attn(
        queries, keys, values, cu_seq_lens_q, cu_seq_lens_q, length, length, scale=scaling, window_size=_BACKWARD
    )
    assert isinstance(packed, torch.Tensor)
    return packed.view(rows, length, heads, width), None


def register() -> None:
    """Make transformers know NAME."""
    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
