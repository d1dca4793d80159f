"""Questions that were answered, by their vectors. The oldest go where there is no more room. Not for their answers: cache.py."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """A question, and the name of its answer in the cache."""

    scope: str
    text: str
    key: str


class Index:
    """At most `most` questions. A scope holds all that must be equal beside the question."""

    def __init__(self, most: int) -> None:
        self._most, self._next = most, 0
        self._entries: list[Entry] = []
        self._vectors: Vector | None = None
        self._rows: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry, vector: Vector) -> None:
        """`vector`: of length 1, and as long as all others."""
        if self._vectors is None:
            self._vectors = np.zeros((self._most, len(vector)), np.float32)
        row, self._next = self._next, (self._next + 1) % self._most
        if row < len(self._entries):
            self._forget(row)
            self._entries[row] = entry
        else:
            self._entries.append(entry)
        self._vectors[row] = vector
        self._rows.setdefault(entry.scope, []).append(row)

    def nearest(self, scope: str, vector: Vector) -> tuple[Entry, float] | None:
        """The question of that scope that is most alike, with its cosine."""
        rows = self._rows.get(scope)
        if self._vectors is None or not rows:
            return None
        near = self._vectors[rows] @ vector
        best = int(near.argmax())
        return self._entries[rows[best]], float(near[best])

    def _forget(self, row: int) -> None:
        scope = self._entries[row].scope
        self._rows[scope].remove(row)
        if not self._rows[scope]:
            del self._rows[scope]
