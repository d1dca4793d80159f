"""The class of every code point, asked of the regular expressions of the tokenizers library itself, whatever its version.

Not for cutting text: see kernel.py.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex
from tokenizers.decoders import Replace

from workloads.tokenizer.encoding.kernel import HAN, LINE_END, NUMBER, OTHER, SPACE, WORD

CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)  # no text holds them


@cache
def character_classes() -> NDArray[np.uint8]:
    """For each code point the sum of its classes (kernel.py); 0 for surrogates. Takes about 0.2 s, once per process."""
    everything = "".join(map(chr, range(_SURROGATES.start))) + "".join(map(chr, range(_SURROGATES.stop, CODE_POINTS)))
    classes = np.zeros(CODE_POINTS, np.uint8)
    han, letters = _matching(everything, r"[^\p{Han}]+"), _matching(everything, r"[^\p{L}\p{M}]+")
    classes[han] |= HAN
    classes[np.setdiff1d(letters, han)] |= WORD
    classes[_matching(everything, r"[^\p{N}]+")] |= NUMBER
    classes[_matching(everything, r"[\s\p{L}\p{M}\p{N}]+")] |= OTHER
    classes[_matching(everything, r"\S+")] |= SPACE
    classes[[0x0A, 0x0D]] |= LINE_END
    classes.flags.writeable = False
    return classes


def _matching(text: str, others: str) -> NDArray[np.uint32]:
    """The code points of the text that `others` does not match."""
    left = Replace(Regex(others), "").decode([text])
    return np.frombuffer(left.encode("utf-32-le"), np.uint32)
