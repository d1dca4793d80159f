"""A column of texts as one array of code points, the form on which the kernels work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Points = NDArray[np.uint32]
Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Codes:
    """`points`: the code points of all texts one after the other; text i is points[offsets[i] : offsets[i + 1]]."""

    points: Points
    offsets: Offsets

    def __post_init__(self) -> None:
        """Kernels are compiled for arrays that nobody writes to: for one kind only, whoever made them."""
        self.points.flags.writeable = self.offsets.flags.writeable = False

    @staticmethod
    def of(texts: Sequence[str]) -> "Codes":
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
        return Codes(np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4"), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        return map(self.text, range(len(self)))

    def part(self, index: int) -> Points:
        """The code points of one text."""
        return self.points[self.offsets[index] : self.offsets[index + 1]]

    def text(self, index: int) -> str:
        return self.part(index).tobytes().decode("utf-32-le", "surrogatepass")

    def lengths(self) -> Offsets:
        """Characters of each text."""
        return np.diff(self.offsets)

    def to_arrow(self) -> "pa.Array[Any]":
        """The texts as a column. They must hold no halves of surrogate pairs, which UTF-8 has no form for."""
        from workloads.text.kernels.utf8 import encode_utf8

        data, offsets = encode_utf8(self.points, self.offsets)
        buffers = [None, pa.array(offsets).buffers()[1], pa.array(data).buffers()[1]]
        return pa.Array.from_buffers(pa.large_string(), len(self), buffers)
