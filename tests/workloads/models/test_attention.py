"""Attention by blocks against torch's own: values, gradients, masks; also lengths that blocks do not divide."""

import pytest
import torch
from torch.nn import functional

from workloads.models import attention
from workloads.models.attention import blocked_attention

ROWS, HEADS, KEY_HEADS, WIDTH = 2, 4, 2, 8


def _inputs(length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(ROWS, length, heads, WIDTH, generator=generator).transpose(1, 2).requires_grad_()
        for heads in (HEADS, KEY_HEADS, KEY_HEADS)
    )
    return query, key, value


def _wanted(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    keys, values = (each.repeat_interleave(HEADS // KEY_HEADS, dim=1) for each in (key, value))
    found = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask, is_causal=mask is None)
    return found.transpose(1, 2)


@pytest.mark.parametrize("length", [1, 4, 10])
@pytest.mark.parametrize("masked", [False, True])
def test_it_is_torchs_attention(monkeypatch: pytest.MonkeyPatch, length: int, masked: bool) -> None:
    monkeypatch.setattr(attention, "_BLOCK", 4)
    inputs = _inputs(length)
    documents = (torch.arange(length) // 3).expand(ROWS, -1)
    same = documents.unsqueeze(2) == documents.unsqueeze(1)
    mask = (same & torch.ones(length, length, dtype=torch.bool).tril()).unsqueeze(1) if masked else None
    found, _ = blocked_attention(torch.nn.Identity(), *inputs, mask)
    wanted = _wanted(*inputs, mask)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    gradients = (torch.autograd.grad((each * weights).sum(), inputs) for each in (found, wanted))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
