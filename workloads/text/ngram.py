"""Character n-gram models: how many bits a text costs one who has read other texts, a character at a time.

Interpolated modified Kneser-Ney (Chen & Goodman 1999, "An empirical study of smoothing techniques", section 3). What the
smoothing of single characters sets aside, the escape, is spread evenly over all Unicode scalar values: the model is a
proper distribution over any text, so a character never seen costs bits and is not skipped. Pure numpy.

Every k-gram has a dense number: its (k-1)-gram's number and its last character make a key, and the sorted distinct keys
number it. So counting is `np.unique` and looking up is `np.searchsorted`, whatever the alphabet's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNICODE_SCALARS = 0x110000 - 0x800  # all code points but the surrogates
BEGIN = 0  # stands before each text and is never predicted
ABSENT = -1


@dataclass(frozen=True)
class Order:
    """All k-grams of one order. Row i is the i-th smallest key.

    `discounted` is the adjusted count less its discount; `total` and `reserved` belong to contexts (k-1-grams, by their
    number): the sum of adjusted counts after them, and the sum of discounts taken, which goes to the shorter context.
    """

    keys: Ints
    discounted: Floats
    total: Floats
    reserved: Floats


@dataclass(frozen=True)
class NGram:
    """A trained model: `alphabet` are the sorted code points seen in training, `orders[k - 1]` all k-grams."""

    alphabet: Ints
    orders: tuple[Order, ...]

    def bits(self, texts: Sequence[str]) -> Floats:
        """Bits of each text: minus the sum of log2 probabilities of its characters, each from those before it in its text."""
        stream = _stream(texts, self.alphabet)
        probability = self._probabilities(stream)
        scored = stream.symbols != BEGIN
        bits = -np.log2(probability[scored])
        return sums(stream.text[scored], bits, len(texts))

    def _probabilities(self, stream: "_Stream") -> Floats:
        probability = np.full(len(stream.symbols), 1 / UNICODE_SCALARS)
        context = np.zeros(len(stream.symbols), dtype=np.int64)  # the empty context has number 0
        for k, order in enumerate(self.orders, start=1):
            keys = _keys(context, stream, len(self.alphabet), k)
            gram = find(order.keys, keys)
            seen = context != ABSENT if k > 1 else np.ones(len(keys), dtype=bool)
            seen &= stream.distance >= k - 1
            total = np.where(seen, order.total[context], 0)
            known = total > 0
            own = np.where(gram != ABSENT, order.discounted[gram], 0)[known]
            rest = order.reserved[context][known] * probability[known]
            probability[known] = (own + rest) / total[known]
            context = np.concatenate([[ABSENT], gram[:-1]])
        return probability


@dataclass(frozen=True)
class _Stream:
    """Texts laid end to end, each after a begin symbol. Symbols: 0 begin, i + 1 the alphabet's i-th, len + 1 unknown.

    `text` is the number of the text, `distance` how many positions the last begin symbol lies back.
    """

    symbols: Ints
    text: Ints
    distance: Ints


def train(texts: Sequence[str], order: int) -> NGram:
    """Count and smooth all k-grams up to `order`; order 1 is the plain frequency of characters, smoothed."""
    codes = _codes("".join(texts))
    alphabet = np.unique(codes)
    stream = _stream(texts, alphabet)
    numbers, keys = _number_grams(stream, len(alphabet), order)
    orders = []
    for k in range(1, order + 1):
        counts = _adjusted_counts(numbers, stream, k, order)
        orders.append(_smooth(keys[k - 1], counts, len(alphabet), contexts=len(keys[k - 2]) if k > 1 else 1))
    return NGram(alphabet, tuple(orders))


def _codes(text: str) -> Ints:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)


def _stream(texts: Sequence[str], alphabet: Ints) -> _Stream:
    lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    text = np.repeat(np.arange(len(texts)), lengths)
    distance = np.arange(len(text)) - starts[text]
    symbols = np.zeros(len(text), dtype=np.int64)
    found = find(alphabet, _codes("".join(texts)))
    symbols[distance > 0] = np.where(found == ABSENT, len(alphabet), found) + 1
    return _Stream(symbols, text, distance)


def _keys(context: Ints, stream: _Stream, alphabet: int, k: int) -> Ints:
    """Key of the k-gram that ends at each position, or ABSENT where the context is not known or the text began later."""
    usable = (context != ABSENT) & (stream.distance >= k - 1)
    return np.where(usable, context * (alphabet + 2) + stream.symbols, ABSENT)


def find(ordered: Ints, wanted: Ints) -> Ints:
    """Index of each wanted value in a sorted array, or ABSENT."""
    if not len(ordered):
        return np.full(len(wanted), ABSENT)
    index = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[index] == wanted, index, ABSENT)


def _number_grams(stream: _Stream, alphabet: int, order: int) -> tuple[list[Ints], list[Ints]]:
    """For each k: the number of the k-gram that ends at each position (or ABSENT), and the sorted distinct keys."""
    numbers, keys = [], []
    context = np.zeros(len(stream.symbols), dtype=np.int64)
    for k in range(1, order + 1):
        at = _keys(context, stream, alphabet, k)
        valid = at != ABSENT
        distinct, inverse = np.unique(at[valid], return_inverse=True)
        number = np.full(len(at), ABSENT)
        number[valid] = inverse
        numbers.append(number)
        keys.append(distinct)
        context = np.concatenate([[ABSENT], number[:-1]])
    return numbers, keys


def _adjusted_counts(numbers: Sequence[Ints], stream: _Stream, k: int, order: int) -> Ints:
    """Of the longest k-grams, and of those that begin a text: how often they occur; of others: after how many different
    characters. The begin symbol itself is never predicted and counts nothing."""
    number = numbers[k - 1]
    grams = int(number.max()) + 1
    predicted = (number != ABSENT) & (stream.symbols != BEGIN)
    raw = np.bincount(number[predicted], minlength=grams)
    if k == order:
        return raw
    longer = numbers[k]
    _, first = np.unique(longer, return_index=True)
    first = first[longer[first] != ABSENT]
    counts = np.bincount(number[first], minlength=grams)
    begins = predicted & (stream.distance == k - 1)
    if k > 1:
        counts[number[begins]] = raw[number[begins]]
    return counts


def _smooth(keys: Ints, counts: Ints, alphabet: int, contexts: int) -> Order:
    context = keys // (alphabet + 2)
    discount = np.minimum(_discounts(counts)[np.minimum(counts, 3)], counts)
    return Order(
        keys,
        counts.astype(float) - discount,
        sums(context, counts.astype(float), contexts),
        sums(context, discount, contexts),
    )


def sums(index: Ints, weights: Floats, length: int) -> Floats:
    """Sum of the weights at each index."""
    sums: Floats = np.bincount(index, weights=weights, minlength=length).astype(np.float64)
    return sums


def _discounts(counts: Ints) -> Floats:
    """What is taken from counts of 0, 1, 2 and 3 or more (Chen & Goodman, equation 17); where the counts of counts are too
    few to estimate it, an absolute discount of 1/2."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if min(n[1:5]) == 0:
        return np.array([0, 0.5, 0.5, 0.5])
    y = n[1] / (n[1] + 2 * n[2])
    estimated = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    usable = all(0 < d < k for k, d in enumerate(estimated, start=1))
    return np.array([0, *estimated]) if usable else np.array([0, 0.5, 0.5, 0.5])
