"""Bits that a causal language model needs for each document. Torch and nothing of Ray; any Hugging Face causal LM.

Each token is predicted from what stands before it in its own document, the first from the begin token. The end of a
document is not scored, so a figure divides by the document's characters alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workloads.evaluation.windows import Window, windows

_LOGITS_AT_ONCE = (
    1 << 23
)  # 32 MiB of float32: memory does not grow with the vocabulary; faster than 128 MiB (0.68 s against 0.92 s)
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Scoring:
    """How to score: the token that stands before each document, window sizes in tokens, windows per pass at most."""

    begin_token: int
    context: int
    stride: int
    batch: int


def document_bits(
    model: Any, documents: Sequence[Sequence[int]], scoring: Scoring, progress: Progress | None = None
) -> NDArray[np.float64]:
    """Bits of each document (token ids): minus the sum of log2 probabilities of its tokens.

    `progress` is told the number of tokens scored so far after each forward pass.
    """
    bits = np.zeros(len(documents))
    done = 0
    vocabulary = int(model.config.vocab_size)
    cut = [w for i, tokens in enumerate(documents) for w in windows(i, len(tokens), scoring.context, scoring.stride)]
    model.eval()
    for batch in _batches(cut, vocabulary, scoring.batch):
        for window, loss in zip(batch, _losses(model, batch, documents, scoring.begin_token), strict=True):
            bits[window.document] += loss / math.log(2)
        done += sum(window.scored for window in batch)
        if progress:
            progress(done)
    return bits


def _batches(cut: Sequence[Window], vocabulary: int, limit: int) -> Iterator[list[Window]]:
    """Windows of near length together, so that little is padding; first windows apart from further ones."""

    def is_further(window: Window) -> bool:
        return window.start > 0

    for _, group in groupby(sorted(cut, key=lambda w: (is_further(w), -w.length, w.document, w.start)), key=is_further):
        ordered = list(group)
        while ordered:
            size = max(1, min(limit, _LOGITS_AT_ONCE // (vocabulary * max(ordered[0].length, 1))))
            yield ordered[:size]
            ordered = ordered[size:]


@torch.inference_mode()
def _losses(model: Any, batch: Sequence[Window], documents: Sequence[Sequence[int]], begin_token: int) -> list[float]:
    """Loss in nats of each window, summed over what it scores. Padding is on the right, where no token can see it."""
    longest = max(window.length for window in batch)
    inputs = torch.zeros(len(batch), longest, dtype=torch.long)
    targets = torch.full((len(batch), longest), -100, dtype=torch.long)
    for row, window in enumerate(batch):
        tokens, end = documents[window.document], window.start + window.length
        before = [begin_token] if window.start == 0 else [tokens[window.start - 1]]
        inputs[row, : window.length] = torch.tensor([*before, *tokens[window.start : end - 1]])
        targets[row, window.length - window.scored : window.length] = torch.tensor(tokens[end - window.scored : end])
    keep = longest - min(window.length - window.scored for window in batch)
    device = next(model.parameters()).device
    logits = model(input_ids=inputs.to(device), use_cache=False, logits_to_keep=keep).logits.float()
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets[:, -keep:].flatten().to(device), ignore_index=-100, reduction="none"
    )
    return losses.view(len(batch), keep).double().sum(dim=1).tolist()
