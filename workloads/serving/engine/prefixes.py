"""Keys and values of what was read before, so that a prompt with the same beginning does not compute it again.

A tree of blocks of tokens for each kind of prompt: those of an adapter, and those without. A block is known by the block before it,
the first by its kind, and its own tokens, compared whole and never by a hash of them, so what is found is what was asked for. Not for which request is in which row (batch.py).
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from workloads.serving.engine.cache import SlotCache

BLOCK = 16
"""Tokens: short prompts share too, and a thousand tokens are found in 63 steps."""

Key = tuple[int | str, tuple[int, ...]]


class Prefixes:
    """At most `limit` bytes; the block that was used longest ago makes room.

    Whoever uses a block uses those before it, which are marked as used after it: the oldest block of all has none behind it.
    """

    def __init__(self, cache: SlotCache, limit: int) -> None:
        self._cache, self._limit = cache, limit
        self._blocks: OrderedDict[Key, int] = OrderedDict()
        self._pools: list[Tensor] = []
        self._capacity = 0

    def __len__(self) -> int:
        """Blocks held."""
        return len(self._blocks)

    def restore(self, tokens: Sequence[int], row: int, kind: str = "") -> int:
        """Put the longest known beginning of `tokens` into a row; how many tokens that is."""
        keys = self._known(tokens, kind)
        if keys:
            places = torch.tensor([self._blocks[key] for key in keys], device=self._cache.device)
            for there, pool in zip(self._cache.views(row, 0, len(keys) * BLOCK), self._pools, strict=True):
                there.copy_(pool[places].transpose(0, 1).flatten(1, 2))
            self._use(keys)
        return len(keys) * BLOCK

    def keep(self, tokens: Sequence[int], row: int, kind: str = "") -> None:
        """Remember `tokens`, the whole of what a row holds, as far as they fill blocks."""
        if len(tokens) < BLOCK or not self._room():
            return
        keys = self._known(tokens, kind)
        self._use(keys)
        known = len(keys)
        parent: int | str = self._blocks[keys[-1]] if keys else kind
        for block in list(_blocks(tokens))[known : self._capacity]:
            keys.append((parent, block))
            parent = self._blocks[keys[-1]] = self._free()
        if len(keys) > known:
            places = torch.tensor([self._blocks[key] for key in keys[known:]], device=self._cache.device)
            for here, pool in zip(self._cache.views(row, known * BLOCK, len(keys) * BLOCK), self._pools, strict=True):
                pool.index_copy_(0, places, here.view(here.shape[0], -1, BLOCK, here.shape[2]).transpose(0, 1))
            self._use(keys)

    def _known(self, tokens: Sequence[int], kind: str) -> list[Key]:
        found: list[Key] = []
        parent: int | str = kind
        for block in _blocks(tokens):
            place = self._blocks.get((parent, block))
            if place is None:
                break
            found.append((parent, block))
            parent = place
        return found

    def _use(self, keys: list[Key]) -> None:
        for key in reversed(keys):
            self._blocks.move_to_end(key)

    def _free(self) -> int:
        if len(self._blocks) < self._capacity:
            return len(self._blocks)
        return self._blocks.popitem(last=False)[1]

    def _room(self) -> int:
        """Blocks that there is room for; the room is taken once the model has shown what a token needs."""
        if not self._pools:
            parts = self._cache.views(0, 0, BLOCK)
            self._capacity = self._limit // max(1, sum(part.numel() * part.element_size() for part in parts))
            if self._capacity:
                self._pools = [part.new_empty(self._capacity, *part.shape) for part in parts]
        return self._capacity


def _blocks(tokens: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for end in range(BLOCK, len(tokens) + 1, BLOCK):
        yield tuple(tokens[end - BLOCK : end])
