"""Arrays of compiled loops: with more room, and of a size that a hash table wants."""

from typing import Any

import numpy as np

from workloads.text.kernels.compiled import compiled


@compiled
def longer(array: Any) -> Any:
    """A copy with twice the room."""
    made = np.empty((2 * len(array), *array.shape[1:]), array.dtype)
    made[: len(array)] = array
    return made


@compiled
def power_above(size: Any) -> Any:
    """The least power of two that is not less."""
    power = 16
    while power < size:
        power *= 2
    return power
