"""From texts to vectors: padding, pooling, and what a decoder says of a text. Not for who asked (encoding.py)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from workloads.serving.engine.cache import Passing
from workloads.serving.engine.decoder import Decoder


def vectors(decoder: Decoder, texts: Sequence[tuple[int, ...]]) -> list[list[float]]:
    """The mean of a decoder's last states, of length 1, for each text; in one pass without a place in the cache."""
    tokens, real = padded(texts, decoder.device)
    positions = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)
    passing = Passing()
    window = passing.window(positions, decoder.dtype)
    return unit(mean_of(decoder.hidden(tokens, positions, passing, window), real))


def padded(texts: Sequence[tuple[int, ...]], device: torch.device, filler: int = 0) -> tuple[Tensor, Tensor]:
    """Tokens [texts, longest], padded to the right, and which of them are real."""
    width = max(map(len, texts))
    tokens = torch.tensor([text + (filler,) * (width - len(text)) for text in texts], device=device)
    lengths = torch.tensor([len(text) for text in texts], device=device)
    return tokens, torch.arange(width, device=device) < lengths[:, None]


def unit(vectors: Tensor) -> list[list[float]]:
    """Vectors of length 1."""
    scaled: list[list[float]] = torch.nn.functional.normalize(vectors.float(), dim=-1).tolist()
    return scaled


def mean_of(states: Tensor, real: Tensor) -> Tensor:
    """The mean of the states [texts, width, size] of real tokens [texts, width]."""
    seen = real[..., None].to(states.dtype)
    return (states * seen).sum(1) / seen.sum(1)
