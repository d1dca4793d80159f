"""A text that is read for its states, not answered: it goes through the schedule as a prompt does, in parts and beside answers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.serving.engine.base import Request


@dataclass(slots=True, eq=False)
class States:
    """The last states of the tokens read so far, added up."""

    total: NDArray[np.float64] | None = None
    tokens: int = 0

    def add(self, states: NDArray[Any]) -> None:
        """States [tokens, size] of the next tokens."""
        part = states.sum(axis=0, dtype=np.float64)
        self.total = part if self.total is None else self.total + part
        self.tokens += len(states)

    def vector(self) -> list[float]:
        """Their mean, of length 1."""
        assert self.total is not None
        mean = self.total / self.tokens
        scaled: list[float] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).tolist()
        return scaled


@dataclass(frozen=True, slots=True)
class Reading(Request):
    """A request for the states of its own tokens; nothing is generated."""

    states: States = field(default_factory=States)
