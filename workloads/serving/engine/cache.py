"""Keys and values of all requests: one preallocated place per request, no gathering, no padding to the left.

A step works on neighbouring rows, so attention reads slices. Not for which request has which row (batch.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """What one forward pass sees: rows `first` to `first + rows`, keys 0 to `length`.

    `places` [rows * width] are the flat cache positions (row * max_context + position) that it writes; `mask`
    [rows, 1, width, length] is added to the attention scores (0 or -inf)."""

    first: int
    rows: int
    length: int
    places: Tensor
    mask: Tensor


class SlotCache:
    """Keys and values per layer, [slots, max_context, heads, head size], allocated when a layer first writes.

    Pages of memory are touched only as far as requests reach into them.
    """

    def __init__(self, slots: int, max_context: int, device: torch.device, dtype: torch.dtype) -> None:
        self.slots, self.max_context, self.device, self.dtype = slots, max_context, device, dtype
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}
        self._offsets = torch.arange(slots, device=device)[:, None] * max_context
        self._keys = torch.arange(max_context, device=device)

    def window(self, first: int, positions: Tensor, length: int) -> Window:
        """For tokens at `positions` [rows, width] of the rows from `first` on; each sees keys up to its own position.
        `length` is the largest position plus one, known to the caller without asking the device."""
        rows = positions.shape[0]
        places = (self._offsets[first : first + rows] + positions).reshape(-1)
        hidden = self._keys[:length] > positions[:, None, :, None]
        mask = torch.zeros(hidden.shape, dtype=self.dtype, device=self.device).masked_fill_(hidden, -torch.inf)
        return Window(first, rows, length, places, mask)

    def write(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """Store keys and values [rows, heads, width, head size]; all that the window sees, [rows, heads, length, head size]."""
        return self.write_flat(layer, key.transpose(1, 2).flatten(0, 1), value.transpose(1, 2).flatten(0, 1), window)

    def write_flat(self, layer: int, key: Tensor, value: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """The same for [rows * width, heads, head size]."""
        if layer not in self._layers:
            self._layers[layer] = (self._allocate(key), self._allocate(value))
        keys, values = self._layers[layer]
        keys.view(-1, *key.shape[1:]).index_copy_(0, window.places, key)
        values.view(-1, *value.shape[1:]).index_copy_(0, window.places, value)
        seen = slice(window.first, window.first + window.rows)
        return keys[seen, : window.length].transpose(1, 2), values[seen, : window.length].transpose(1, 2)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a row to another row."""
        for keys, values in self._layers.values():
            keys[target, :length] = keys[source, :length]
            values[target, :length] = values[source, :length]

    def _allocate(self, like: Tensor) -> Tensor:
        return torch.zeros(self.slots, self.max_context, *like.shape[1:], dtype=self.dtype, device=self.device)
