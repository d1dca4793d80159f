"""Learning a perplexity model from reference texts: Kneser-Ney n-grams, the rare ones taken out, laid into one hashed array.

What is taken out goes to the shorter contexts, so that the model stays a proper distribution over all texts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from workloads.text.learned.perplexity import PerplexityModel
from workloads.text.ngram import UNICODE_SCALARS, Floats, Ints, NGram, Order, find, sums, train

ORDER = 5  # measured: docs/decisions/0013-learned-filters.md
MOST_GRAMS = 6_000_000  # of 8 bytes in a table that is at most three quarters full: 64 MiB
LEAST_DOCUMENTS = 20
PERCENTILES = (1, 5, 50, 95, 99)
_HELDOUT = 10  # of 100
_FULL = 0.75

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class TaughtPerplexity:
    """`heldout`: percentiles of bits per character over reference texts that were not learned from; `documents` learned from,
    with `characters` in all; `grams`: kept, of `counted`."""

    model: PerplexityModel
    documents: int
    characters: int
    grams: int
    counted: int
    heldout: tuple[float, ...]


def teach_perplexity(texts: Sequence[str], order: int = ORDER, most: int = MOST_GRAMS) -> TaughtPerplexity:
    """Learn from at least `LEAST_DOCUMENTS` different texts. Raises ValueError for fewer. The same for any order of them."""
    chosen = sorted(set(texts), key=lambda text: blake2b(text.encode("utf-8", "surrogatepass")).digest())
    if len(chosen) < LEAST_DOCUMENTS:
        raise ValueError(f"{len(chosen)} texts that are different")
    cut = len(chosen) * _HELDOUT // 100
    heldout, read = chosen[:cut], chosen[cut:]
    counted = train(read, order)
    model, grams = compact(counted, most)
    found = tuple(float(each) for each in np.percentile(list(map(model.score, heldout)), PERCENTILES))
    return TaughtPerplexity(
        model, len(read), sum(map(len, read)), grams, sum(len(order.keys) for order in counted.orders), found
    )


def compact(model: NGram, most: int = MOST_GRAMS) -> tuple[PerplexityModel, int]:
    """(the model in one array, with about `most` n-grams at most, how many they are); those seen least are left out."""
    from workloads.text.kernels.perplexity import fill

    links = list(_links(model))
    kept = _choose(model, links, most)
    count = sum(int(keep.sum()) for keep in kept)
    table = np.zeros(1 << max(4, int(count / _FULL).bit_length()), np.uint64)
    orders = [_without(order, each, keep) for order, each, keep in zip(model.orders, links, kept, strict=True)]
    probability, running, symbol_of = np.array([1 / UNICODE_SCALARS]), np.zeros(1, np.uint64), _symbols(model)
    for k, (order, each, keep) in enumerate(zip(orders, links, kept, strict=True)):
        probability = _probabilities(order, each, probability)
        with np.errstate(over="ignore"):
            running = (running[each.suffix] + symbol_of[each.first] + np.uint64(1)) * _base()
        added = _share_left(orders[k + 1], len(order.keys)) if k + 1 < len(orders) else np.ones(len(order.keys))
        values = _fixed(probability) << np.uint64(16) | _fixed(added)
        fill(table, running[keep], values[keep])
    unseen = -np.log2(_share_left(orders[0], 1)[0] / UNICODE_SCALARS)
    return PerplexityModel(table, len(orders), float(unseen)), count


@dataclass(frozen=True)
class _Links:
    """Of every k-gram: its first k-1 symbols, as a number of the order below; its last k-1 likewise; its first symbol."""

    prefix: Ints
    suffix: Ints
    first: Ints


def _links(model: NGram) -> Iterator[_Links]:
    radix = len(model.alphabet) + 2
    below, keys_below = None, np.zeros(1, np.int64)
    for order in model.orders:
        prefix, symbol = order.keys // radix, order.keys % radix
        if below is None:
            below = _Links(prefix, np.zeros_like(prefix), symbol)
        else:
            below = _Links(prefix, find(keys_below, below.suffix[prefix] * radix + symbol), below.first[prefix])
        keys_below = order.keys
        yield below


def _choose(model: NGram, links: Sequence[_Links], most: int) -> list[NDArray[np.bool_]]:
    """By order, which n-grams stay: the least count that leaves at most `most`, above single characters; and what they need."""
    for least in (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0, np.inf):
        kept = [order.discounted >= least for order in model.orders]
        kept[0][:] = True
        for k in range(len(kept) - 1, 0, -1):
            chosen = np.flatnonzero(kept[k])
            kept[k - 1][links[k].prefix[chosen]] = True
            kept[k - 1][links[k].suffix[chosen]] = True
        if sum(int(keep.sum()) for keep in kept) <= most:
            break
    return kept


def _without(order: Order, links: _Links, keep: NDArray[np.bool_]) -> Order:
    """What the n-grams left out had goes to the shorter context."""
    given = sums(links.prefix, np.where(keep, 0, order.discounted), len(order.reserved))
    return Order(order.keys, np.where(keep, order.discounted, 0), order.total, order.reserved + given)


def _probabilities(order: Order, links: _Links, shorter: Floats) -> Floats:
    """Of each k-gram's last character after the others, from those of the order below; 1 where nothing is predicted."""
    total = order.total[links.prefix]
    mass = order.discounted + order.reserved[links.prefix] * shorter[links.suffix]
    return np.divide(mass, total, out=np.ones_like(mass), where=total > 0)


def _share_left(order: Order, contexts: int) -> Floats:
    """Of each context, the share that the shorter context has; 1 for one after which nothing came."""
    return np.divide(order.reserved, order.total, out=np.ones(contexts), where=order.total > 0)


def _symbols(model: NGram) -> Hashes:
    """By symbol of the model: 0 for the beginning of a text, else its code point + 1."""
    return np.concatenate([[0], model.alphabet + 1]).astype(np.uint64)


def _base() -> np.uint64:
    from workloads.text.kernels.shingles import BASE

    return BASE


def _fixed(probability: Floats) -> Hashes:
    """Bits of a probability as a fixed-point number; none above the most that fits."""
    from workloads.text.kernels.perplexity import MOST_BITS, PER_BIT

    return np.rint(np.clip(-np.log2(probability), 0, MOST_BITS) * PER_BIT).astype(np.uint64)
