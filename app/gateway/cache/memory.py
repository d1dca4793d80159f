"""A bounded memory: what was not used for longest goes first. Not for several processes: that is shared.py."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")
_OVERHEAD = 300
"""Bytes that Python needs for an entry beside its value, rounded up (a key, a dict's place, two objects)."""


class Memory(Generic[V]):
    """Values by name, together at most `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self.bytes = most_bytes, 0
        self._entries: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> V | None:
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: str, value: V, size: int) -> None:
        """Keep a value of `size` bytes; one that is larger than all the room is not kept."""
        size += _OVERHEAD
        if size > self._most:
            return
        self._drop(key)
        self._entries[key] = (value, size)
        self.bytes += size
        while self.bytes > self._most:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self.bytes -= entry[1]
