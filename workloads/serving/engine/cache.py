"""Keys and values: of all requests, one preallocated place each, no gathering, no padding to the left; or of one pass alone.

A step works on neighbouring rows, so attention reads slices. Not for which request has which row (batch.py).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from workloads.serving.engine.adapters.mixture import Adapted


@dataclass(frozen=True)
class Window:
    """What one forward pass sees: rows `first` to `first + rows`, keys 0 to `length`.

    `slots` and `positions` [rows * width] are the places that it writes; `mask` [rows, 1, width, length] is added to the
    attention scores (0 or -inf); `adapted` are the adapters of its rows, None where they have none."""

    first: int
    rows: int
    length: int
    slots: Tensor
    positions: Tensor
    mask: Tensor
    adapted: Adapted | None = None


class Cache(Protocol):
    """Where a layer puts its keys and values, and finds all that its window sees."""

    def write(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]: ...

    def write_flat(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]: ...


class Passing:
    """For texts that are read in one pass and that nothing goes on from: keeps nothing."""

    def window(self, positions: Tensor, dtype: torch.dtype) -> Window:
        """For tokens at `positions` [rows, width] from 0 on; each sees those up to its own."""
        rows, width = positions.shape
        mask = torch.full((width, width), -torch.inf, dtype=dtype, device=positions.device).triu_(1)
        flat = positions.reshape(-1)
        return Window(0, rows, width, flat, flat, mask.expand(rows, 1, width, width))

    def write(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        return key, value

    def write_flat(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        shape = (window.rows, window.length, *key.shape[1:])
        return key.view(shape).transpose(1, 2), value.view(shape).transpose(1, 2)


class SlotCache:
    """Keys and values per layer, [slots, heads, max_context, head size], allocated when a layer first writes.

    What one head reads of a row lies together, which memory serves fastest; pages of it are touched only as far as requests
    reach into them.
    """

    def __init__(self, slots: int, max_context: int, device: torch.device, dtype: torch.dtype) -> None:
        self.slots, self.max_context, self.device, self.dtype = slots, max_context, device, dtype
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}
        self._rows = torch.arange(slots, device=device)
        self._keys = torch.arange(max_context, device=device)

    def window(self, first: int, positions: Tensor, length: int) -> Window:
        """For tokens at `positions` [rows, width] of the rows from `first` on; each sees keys up to its own position.
        `length` is the largest position plus one, known to the caller without asking the device."""
        rows, width = positions.shape
        slots = self._rows[first : first + rows]
        slots = slots if width == 1 else slots.repeat_interleave(width)
        hidden = self._keys[:length] > positions[:, None, :, None]
        mask = torch.zeros(hidden.shape, dtype=self.dtype, device=self.device).masked_fill_(hidden, -torch.inf)
        return Window(first, rows, length, slots, positions.reshape(-1), mask)

    def write(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """Store keys and values [rows, heads, width, head size]; all that the window sees, [rows, heads, length, head size]."""
        return self.write_flat(layer, key.transpose(1, 2).flatten(0, 1), value.transpose(1, 2).flatten(0, 1), window)

    def write_flat(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """The same for [rows * width, heads, head size]."""
        if layer not in self._layers:
            self._layers[layer] = (self._allocate(key), self._allocate(value))
        keys, values = self._layers[layer]
        keys[window.slots, :, window.positions] = key
        values[window.slots, :, window.positions] = value
        seen = slice(window.first, window.first + window.rows)
        return keys[seen, :, : window.length], values[seen, :, : window.length]

    def views(self, row: int, start: int, stop: int) -> list[Tensor]:
        """Keys and values of these positions of a row, [heads, tokens, head size] each, of every layer that has written."""
        return [each[row, :, start:stop] for layer in self._layers.values() for each in layer]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a row to another row."""
        for there, here in zip(self.views(target, 0, length), self.views(source, 0, length), strict=True):
            there.copy_(here)

    def swap(self, one: int, one_length: int, other: int, other_length: int) -> None:
        """Exchange two rows, each as far as it is used."""
        kept = [each.clone() for each in self.views(one, 0, one_length)]
        self.move(other, one, other_length)
        for there, here in zip(self.views(other, 0, one_length), kept, strict=True):
            there.copy_(here)

    def _allocate(self, like: Tensor) -> Tensor:
        heads, size = like.shape[1:]
        return torch.zeros(self.slots, heads, self.max_context, size, dtype=self.dtype, device=self.device)
