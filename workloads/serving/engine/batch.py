"""Which request has which row, and the numbers that a step needs of all of them as tensors.

Rows 0 to `ready` decode, the rows after them still read their prompt; a row that leaves is filled from behind, so both
groups stay without gaps. Not for the model or the thread (torch_engine.py).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workloads.serving.engine.cache import SlotCache, Window
from workloads.serving.engine.guesses import Guesses
from workloads.serving.engine.running import Running
from workloads.serving.engine.sampling import masked, sample
from workloads.serving.engine.uniforms import uniforms


class Batch:
    """Up to `slots` rows."""

    def __init__(self, slots: int, max_context: int, device: torch.device) -> None:
        self.rows: list[Running] = []
        self.ready = 0
        self.slots, self._max_context = slots, max_context
        self._others_turn = False
        self._device = device
        self._tokens = torch.zeros(slots, dtype=torch.long, device=device)
        self._positions = torch.zeros(slots, dtype=torch.long, device=device)
        self._temperature = torch.zeros(slots, device=device)
        self._top_p = torch.ones(slots, device=device)
        self._top_k = torch.zeros(slots, dtype=torch.long, device=device)
        self._seeds = np.zeros(slots, dtype=np.uint64)
        self._draws = np.zeros(slots, dtype=np.int64)
        self._any_drawn = False

    @property
    def full(self) -> bool:
        return len(self.rows) >= self.slots

    def add(self, running: Running) -> None:
        """A new row at the end, its prompt unread."""
        row, sampling = len(self.rows), running.request.sampling
        self.rows.append(running)
        self._temperature[row], self._top_p[row], self._top_k[row] = sampling.temperature, sampling.top_p, sampling.top_k
        self._seeds[row] = np.uint64(sampling.seed % 2**64)
        self._draws[row] = len(running.request.resume_tokens)
        self._look()

    def remove(self, row: int, cache: SlotCache) -> None:
        """Free a row; the last decoding row takes its place, and the last of all takes that one's."""
        if row < self.ready:
            self.ready -= 1
            self._move(self.ready, row, cache)
            row = self.ready
        self._move(len(self.rows) - 1, row, cache)
        self.rows.pop()
        self._look()

    def find(self, request_id: str) -> int | None:
        return next((index for index, row in enumerate(self.rows) if row.request.id == request_id), None)

    def unread(self, budget: int) -> slice:
        """The rows whose prompts are read next: as many neighbours as fit padded into `budget` tokens, at least one.

        A prompt longer than the budget is read `budget` tokens at a time; every other time the shortest of those that wait
        has the turn, so that neither keeps the other out.
        """
        waiting = range(self.ready, len(self.rows))
        first = max(waiting, key=lambda row: self.rows[row].read)
        others = [row for row in waiting if row != first]
        if others and self.rows[first].unread > budget:
            self._others_turn = not self._others_turn
            if self._others_turn:
                first = min(others, key=lambda row: self.rows[row].unread)
        width, read, end = 0, 0, first
        for running in self.rows[first:]:
            width, read = max(width, running.unread), max(read, running.read)
            if end > first and (width * (end - first + 1) > budget or read + width > self._max_context):
                break
            end += 1
        return slice(first, end)

    def prompt_tokens(self, rows: slice, budget: int) -> tuple[Tensor, Tensor, list[int]]:
        """Tokens and positions [rows, width] of the next part of the prompts, padded to the right with token 0 at the
        positions after, and each row's true width."""
        parts = [row.prompt[row.read : row.read + budget] for row in self.rows[rows]]
        widths = [len(part) for part in parts]
        width = max(widths)
        tokens = torch.tensor([part + (0,) * (width - len(part)) for part in parts], device=self._device)
        starts = torch.tensor([row.read for row in self.rows[rows]], device=self._device)
        return tokens, starts[:, None] + torch.arange(width, device=self._device), widths

    def guess(self, limit: int) -> list[int]:
        """The next tokens of the only row that decodes, as far as it may still go and not more than `limit`; none where
        several do: their passes are full enough."""
        if not limit or self.ready != 1:
            return []
        row = self.rows[0]
        if row.guesses is None:
            row.guesses = Guesses((*row.prompt, *row.generated))
        left = row.request.max_new_tokens - len(row.request.resume_tokens) - len(row.generated)
        return row.guesses.guess(min(limit, left - 1, self._max_context - row.length - 1))

    def decode_tokens(self, cache: SlotCache, guess: Sequence[int]) -> tuple[Tensor, Tensor, Window]:
        """The newest token of each decoding row and, of the only one, those guessed after it; their positions, both [rows,
        width], and the window over them."""
        tokens, positions = self._tokens[: self.ready, None], self._positions[: self.ready, None]
        if guess:
            tokens = torch.cat([tokens, torch.tensor([guess], device=self._device)], dim=1)
            positions = positions + torch.arange(tokens.shape[1], device=self._device)
        length = tokens.shape[1] + max(row.length for row in self.rows[: self.ready])
        return tokens, positions, cache.window(0, positions, length)

    def choose(self, rows: slice, logits: Tensor) -> Tensor:
        """Sample one token for each of these rows, as their grammars allow, and set them up to be decoded next."""
        constraints = {i: row.constraint for i, row in enumerate(self.rows[rows]) if row.constraint is not None}
        if constraints:
            logits = masked(logits, constraints)
        if self._any_drawn:
            numbers = torch.from_numpy(uniforms(self._seeds[rows], self._draws[rows])).to(self._device)
            ids = sample(logits, self._temperature[rows], self._top_p[rows], self._top_k[rows], numbers)
        else:
            ids = logits.argmax(-1)
        self._draws[rows] += 1
        self._tokens[rows] = ids
        return ids

    def advance(self, rows: slice) -> None:
        """These decoding rows have one token more in the cache."""
        self._positions[rows] += 1

    def start_decoding(self, rows: slice, cache: SlotCache) -> slice:
        """These rows have read their prompts: they join those that decode. Where they are now."""
        joined = slice(self.ready, self.ready + rows.stop - rows.start)
        for target, source in zip(range(joined.start, joined.stop), range(rows.start, rows.stop), strict=True):
            self._swap(source, target, cache)
            self._positions[target] = self.rows[target].read
        self.ready = joined.stop
        return joined

    def _look(self) -> None:
        self._any_drawn = any(row.request.sampling.temperature > 0 for row in self.rows)

    def _move(self, source: int, target: int, cache: SlotCache) -> None:
        if source == target:
            return
        self.rows[target] = self.rows[source]
        cache.move(source, target, self.rows[source].length)
        for numbers in self._numbers:
            numbers[target] = numbers[source]

    def _swap(self, one: int, other: int, cache: SlotCache) -> None:
        if one == other:
            return
        cache.swap(one, self.rows[one].length, other, self.rows[other].length)
        self.rows[one], self.rows[other] = self.rows[other], self.rows[one]
        for numbers in self._numbers:
            numbers[[one, other]] = numbers[[other, one]]

    @property
    def _numbers(self) -> tuple[Any, ...]:
        """What is kept of every row."""
        held = (self._tokens, self._positions, self._temperature, self._top_p, self._top_k)
        return (*held, self._seeds, self._draws)
