"""Our way to draw a token, inside vLLM: by seed and position, so that an answer is the same in any company and goes on from any token.

vLLM is asked for the likeliest token; of rows that draw, the drawn one is made the likeliest before it looks. It runs in vLLM's
own process. Log-probabilities are taken before. Not for asking vLLM (engine.py).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor, MoveDirectionality

from workloads.serving.engine.sampling import sample
from workloads.serving.engine.uniforms import uniforms
from workloads.serving.engine.vllm.wanted import KEY, Wanted


class Draws(LogitsProcessor):  # type: ignore[misc] # vLLM is not in this project's own environment
    """The rows of a batch that draw."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._device = device
        self._rows: dict[int, tuple[Wanted, list[int]]] = {}

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: Any) -> None:
        """Rows that left, that came, and that moved, in this order (vLLM's interface)."""
        if batch_update is None:
            return
        for row in batch_update.removed:
            self._rows.pop(row, None)
        for row, params, _, answer in batch_update.added:
            self._put(row, (Wanted(*params.extra_args[KEY]), answer) if KEY in (params.extra_args or {}) else None)
        for source, target, direction in batch_update.moved:
            moved, replaced = self._rows.pop(source, None), self._rows.pop(target, None)
            self._put(target, moved)
            if direction == MoveDirectionality.SWAP:
                self._put(source, replaced)

    def apply(self, logits: Tensor) -> Tensor:
        rows = sorted(self._rows)
        if not rows:
            return logits
        wanted = [self._rows[row][0] for row in rows]
        places = [each.resumed + len(self._rows[row][1]) for each, row in zip(wanted, rows, strict=True)]
        numbers = uniforms(np.array([each.seed for each in wanted], dtype=np.uint64), np.array(places, dtype=np.int64))
        index = torch.tensor(rows, device=self._device)
        drawn = sample(
            logits[index],
            torch.tensor([each.temperature for each in wanted], device=self._device),
            torch.tensor([each.top_p for each in wanted], device=self._device),
            torch.tensor([each.top_k for each in wanted], device=self._device),
            torch.from_numpy(numbers).to(self._device),
        )
        logits[index] = -torch.inf
        logits[index, drawn] = 0.0
        return logits

    def _put(self, row: int, entry: tuple[Wanted, list[int]] | None) -> None:
        if entry is None:
            self._rows.pop(row, None)
        else:
            self._rows[row] = entry
