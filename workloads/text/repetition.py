"""How much of a text says again what it has said. On characters: word-based measures score 0 on a repeated Chinese slogan."""

import re

from workloads.text.shingles import shingle_hashes

_FEW = 1000  # n-grams, up to which a plain set is faster than arrays
_NO_WORD = re.compile(r"[\W_]+")


def repeated_share(text: str, length: int = 10) -> float:
    """Share, 0 to 1, of the n-grams of `length` letters that occurred earlier in the text. Punctuation and spaces are
    passed over; a text shorter than the n-gram has 0.

    A slogan said 60 times has .98; statutes and manuals, which repeat themselves rightly, stay under .5 (measured).
    """
    letters = _NO_WORD.sub("", text)
    if len(letters) <= length:
        return 0.0
    count = len(letters) - length + 1
    if count < _FEW:
        return 1 - len({letters[at : at + length] for at in range(count)}) / count
    hashes = shingle_hashes(letters, length)
    hashes.sort()
    return float((hashes[1:] == hashes[:-1]).sum()) / count
