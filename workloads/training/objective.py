"""A decoder and its summed loss over a batch as one module, so that what wraps modules also covers the output layer.

Not for gradients across processes (step.py) nor for which rows come (feed.py).
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from workloads.models.attention import NAME as BLOCKS
from workloads.models.attention import register
from workloads.training.loss import summed_cross_entropy, usual_chunk
from workloads.training.precision import Precision


@dataclass(frozen=True)
class Batch:
    """Rows of one micro-batch: inputs [n, L-1] and targets [n, L-1] int64, IGNORED where a target does not count; `documents`
    [n, L-1] numbers the documents of a row, None where attention may look across them; `digest` stands for which rows were
    read (order.digest_rows). Where these are parts of rows, `positions` [L-1] are their places in them, and `mask` bool
    [n, 1, L-1, keys] says what they may look at. `bounds` int32 [documents + 1]: where documents begin among all tokens of the
    batch, for a model that keeps them apart by that. Where rows are cut into sequences, `pieces` neighbours are one row."""

    inputs: torch.Tensor
    targets: torch.Tensor
    digest: int = 0
    documents: torch.Tensor | None = None
    positions: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    bounds: torch.Tensor | None = None
    pieces: int = 1

    @property
    def rows(self) -> int:
        return len(self.inputs) // self.pieces

    def row(self, number: int) -> "Batch":
        """One whole row as a batch."""
        this = slice(number * self.pieces, (number + 1) * self.pieces)
        documents = None if self.documents is None else self.documents[this]
        return Batch(self.inputs[this], self.targets[this], documents=documents, pieces=self.pieces)


class NextTokenLoss(nn.Module):
    """Summed cross-entropy in nats. Weights keep the names they have in the decoder below `model`."""

    def __init__(self, model: PreTrainedModel, precision: Precision, z_loss: float = 0.0, chunk: int | None = None) -> None:
        super().__init__()
        self.model = model
        self._precision, self._z_loss = precision, z_loss
        device = next(model.parameters()).device
        self._chunk = chunk or usual_chunk(device)
        if device.type == "cpu" and precision.dtype == torch.bfloat16:
            register()
            model.set_attn_implementation(BLOCKS)

    def forward(self, batch: Batch) -> torch.Tensor:
        with self._precision.autocast():
            hidden = self.model.get_decoder()(  # type: ignore[no-untyped-call]
                input_ids=batch.inputs,
                attention_mask=_mask(batch),
                position_ids=None if batch.positions is None else batch.positions.unsqueeze(0),
                use_cache=False,
                **({} if batch.bounds is None else {"cu_seq_lens_q": batch.bounds}),
            ).last_hidden_state
        weight = self.model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
        z_loss = self._z_loss if self.training else 0.0
        return summed_cross_entropy(
            hidden.flatten(0, 1), weight, batch.targets.flatten(), self._chunk, self._precision.dtype, z_loss
        )


def _mask(batch: Batch) -> torch.Tensor | None:
    if batch.bounds is not None:
        return None
    return document_mask(batch) if batch.mask is None else batch.mask


def document_mask(batch: Batch) -> torch.Tensor | None:
    """bool [n, 1, L-1, L-1], true where a token may look: back, and within its document; None for all that is before it."""
    if batch.documents is None:
        return None
    length = batch.inputs.shape[1]
    back = torch.ones(length, length, dtype=torch.bool, device=batch.inputs.device).tril()
    same = batch.documents.unsqueeze(2) == batch.documents.unsqueeze(1)
    return (same & back).unsqueeze(1)
