"""The entropy of a text by its plain definition, which the compiled one must equal."""

import math
from collections import Counter

_SAMPLE = 5000


def entropy(text: str) -> float:
    """Shannon entropy of the characters that are not white space, in bits. Prose has more than 4 from 20 characters on;
    laughter, rulers and padding have less than 3. Of a long text the first 5,000 characters are looked at."""
    letters = "".join(text[:_SAMPLE].split())
    total = len(letters)
    if not total:
        return 0.0
    alike = Counter(Counter(letters).values())  # how many characters occur once, twice, ...
    return math.log2(total) - sum(many * count * math.log2(count) for count, many in alike.items()) / total
