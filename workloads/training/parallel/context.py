"""Context parallel: each process computes a part of every row, and sees the keys and values of the others.

Keys and values are gathered whole, as in the training of Llama 3 (arXiv 2407.21783, section 3.3.2): they are small under grouped
heads, any mask holds, and the sum is that of one process. Two pieces from both ends of a row make the causal work even.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import distributed
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from workloads.training.loss import IGNORED
from workloads.training.objective import Batch

NAME = "hanlin_context"


class _Gathered(torch.autograd.Function):
    """[n, heads, l, d] of each process -> [n, heads, count * l, d], in the order of ranks."""

    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor, group: distributed.ProcessGroup) -> torch.Tensor:
        ctx.group = group
        parts = [torch.empty_like(mine, memory_format=torch.contiguous_format) for _ in range(group.size())]
        distributed.all_gather(parts, mine.contiguous(), group=group)
        return torch.cat(parts, dim=2)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[torch.Tensor, None]:
        total = upstream[0].contiguous()
        distributed.all_reduce(total, group=ctx.group)
        part: torch.Tensor = total.chunk(ctx.group.size(), dim=2)[ctx.group.rank()]
        return part, None


@dataclass(frozen=True)
class RowParts:
    """Cuts batches for this process of a group and attends over the whole rows."""

    group: distributed.ProcessGroup

    def cut(self, batch: Batch) -> Batch:
        """This process's tokens of every row. Rows are filled up to a multiple of twice the group, with targets that do not count."""
        length = batch.inputs.shape[1]
        mine, order = self._places(length)
        inputs, targets = _filled(batch.inputs, len(order), 0), _filled(batch.targets, len(order), IGNORED)
        seen = order.unsqueeze(0) <= mine.unsqueeze(1)
        mask = seen.expand(len(inputs), 1, *seen.shape)
        if batch.documents is not None:
            documents = _filled(batch.documents, len(order), -1)
            mask = mask & (documents[:, mine].unsqueeze(2) == documents[:, order].unsqueeze(1)).unsqueeze(1)
        return replace(batch, inputs=inputs[:, mine], targets=targets[:, mine], documents=None, positions=mine, mask=mask)

    def _places(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(places of this process's tokens, places of all tokens as they are gathered)."""
        count = self.group.size()
        piece = -(-length // (2 * count))
        places = torch.arange(2 * count * piece).view(2 * count, piece)
        each = [torch.cat([places[rank], places[2 * count - 1 - rank]]) for rank in range(count)]
        return each[self.group.rank()], torch.cat(each)

    def register(self) -> None:
        """Make transformers know NAME as attention over this group."""
        AttentionInterface.register(NAME, _attention(self.group))
        AttentionMaskInterface.register(NAME, sdpa_mask)


def _attention(group: distributed.ProcessGroup) -> Callable[..., tuple[torch.Tensor, None]]:
    def attend(
        module: torch.nn.Module,  # noqa: ARG001  # as transformers calls it
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor,
        scaling: float | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        shared = query.shape[1] // key.shape[1]
        keys, values = (_Gathered.apply(each.to(value.dtype), group) for each in (key, value))  # type: ignore[no-untyped-call]
        keys, values = (each.repeat_interleave(shared, dim=1) for each in (keys, values))
        output = functional.scaled_dot_product_attention(
            query.to(value.dtype), keys, values, attn_mask=attention_mask, scale=scaling
        )
        return output.transpose(1, 2), None

    return attend


def _filled(tensor: torch.Tensor, length: int, value: int) -> torch.Tensor:
    return functional.pad(tensor, (0, length - tensor.shape[1]), value=value)
