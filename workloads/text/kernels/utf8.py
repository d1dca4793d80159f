"""Code points to UTF-8 and back, a column at a time."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Offsets, Points
from workloads.text.kernels.compiled import compiled


@compiled
def encode_utf8(points: Points, offsets: Offsets) -> tuple[NDArray[np.uint8], Offsets]:
    """The bytes of all texts, and where each begins."""
    size = 0
    for point in points:
        size += 1 + (point > 0x7F) + (point > 0x7FF) + (point > 0xFFFF)
    data = np.empty(size, np.uint8)
    begins = np.empty(len(offsets), np.int64)
    at = 0
    for text in range(len(offsets) - 1):
        begins[text] = at
        for place in range(offsets[text], offsets[text + 1]):
            point = points[place]
            if point < 0x80:
                data[at] = point
                at += 1
            elif point < 0x800:
                data[at] = 0xC0 | point >> 6
                data[at + 1] = 0x80 | point & 0x3F
                at += 2
            elif point < 0x10000:
                data[at] = 0xE0 | point >> 12
                data[at + 1] = 0x80 | point >> 6 & 0x3F
                data[at + 2] = 0x80 | point & 0x3F
                at += 3
            else:
                data[at] = 0xF0 | point >> 18
                data[at + 1] = 0x80 | point >> 12 & 0x3F
                data[at + 2] = 0x80 | point >> 6 & 0x3F
                data[at + 3] = 0x80 | point & 0x3F
                at += 4
    begins[len(offsets) - 1] = at
    return data, begins
