"""Rows cut into shorter sequences: the same tokens and the same targets, seen with less text before them."""

from dataclasses import replace

import torch
from torch.nn import functional

from workloads.training.loss import IGNORED
from workloads.training.objective import Batch

_NO_DOCUMENT = -1


def in_pieces(batch: Batch, length: int) -> Batch:
    """Each row of [n, L-1] as sequences of `length` tokens [n * pieces, length], the last filled up with what does not count."""
    whole = batch.inputs.shape[1]
    if length >= whole:
        return batch
    pieces = -(-whole // length)

    def cut(tensor: torch.Tensor, filling: int) -> torch.Tensor:
        return functional.pad(tensor, (0, pieces * length - whole), value=filling).view(-1, length)

    documents = None if batch.documents is None else cut(batch.documents, _NO_DOCUMENT)
    return replace(batch, inputs=cut(batch.inputs, 0), targets=cut(batch.targets, IGNORED), documents=documents, pieces=pieces)
