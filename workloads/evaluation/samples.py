"""What the model writes on its own: continuations at fixed seeds, and how much they repeat themselves.

Each sample has its own random generator, so its text does not depend on which others are written beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workloads.models.cache import cache_name

REPEAT_LENGTH = 4  # characters: about two Chinese words, which running text seldom repeats within a hundred characters


@dataclass(frozen=True)
class Sampling:
    """`stop_tokens` end a sample; `pad_token` fills the shorter prompts of a batch on the left, where nothing sees it."""

    tokens: int
    temperature: float
    seed: int
    stop_tokens: frozenset[int]
    pad_token: int


@dataclass(frozen=True)
class Sample:
    """A prompt and its continuation. `repetition` is the share of 4-character sequences in `text` that stood in it
    before; `original` is how the held-out document went on (empty for a prompt of the recipe)."""

    prompt: str
    text: str
    seed: int
    tokens: int
    ended: bool
    repetition: float
    original: str = ""
    original_repetition: float = 0.0


def repetition(text: str, length: int = REPEAT_LENGTH) -> float:
    """1 - distinct / all character n-grams of this length; 0 where the text is shorter."""
    grams = [text[i : i + length] for i in range(len(text) - length + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


@torch.inference_mode()
def continue_prompts(
    model: Any, prompts: Sequence[Sequence[int]], sampling: Sampling, progress: Callable[[int], None] | None = None
) -> list[list[int]]:
    """Token ids that follow each prompt (token ids, not empty), without the stop token. Sample i has the seed `seed + i`."""
    device = next(model.parameters()).device
    longest = max(len(prompt) for prompt in prompts)
    pads = [longest - len(prompt) for prompt in prompts]
    inputs = torch.tensor([[sampling.pad_token] * pad + list(prompt) for pad, prompt in zip(pads, prompts, strict=True)])
    mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads], device=device)
    generators = [torch.Generator().manual_seed(sampling.seed + i) for i in range(len(prompts))]
    written: list[list[int]] = [[] for _ in prompts]
    open_ = set(range(len(prompts)))
    step, cache, name = inputs.to(device), None, cache_name(model)
    for count in range(1, sampling.tokens + 1):
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -step.shape[1] :]
        held = {name: cache}
        output = model(input_ids=step, attention_mask=mask, position_ids=positions, **held, use_cache=True, logits_to_keep=1)
        cache = getattr(output, name)
        chosen = [
            _choose(row, generator, sampling.temperature)
            for row, generator in zip(output.logits[:, -1].float().cpu(), generators, strict=True)
        ]
        for i in sorted(open_):
            if chosen[i] in sampling.stop_tokens:
                open_.discard(i)
            else:
                written[i].append(chosen[i])
        if progress:
            progress(count)
        if not open_:
            break
        step = torch.tensor(chosen, device=device)[:, None]
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
    return written


def _choose(logits: torch.Tensor, generator: torch.Generator, temperature: float) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=generator))
