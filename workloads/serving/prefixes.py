"""Which replica has read which beginnings of prompts, as far as one gateway knows. Pure; Ray's side is routing.py.

What an engine has forgotten since is not known here: a wrong guess costs what no guess would have cost.
"""

import math
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

Replica = TypeVar("Replica", bound=Hashable)

BLOCK = 32
"""Tokens by which beginnings are told apart. Shorter ones are not worth a detour."""

_CAPACITY = 1 << 16
"""Beginnings remembered: two million tokens, 10 MB."""

_BOUND = 1.25
"""Load that one replica may have by the mean of all before it is passed over, as in consistent hashing with bounded loads (Mirrokni,
Thorup, Zadimoghaddam 2018)."""

_LEAST_SHARE = 0.25
"""Of a prompt that must have been read for its reader to be preferred: what all prompts begin with is no reason. On a real trace
without it the median time to the first token is a fifth longer (benchmarks/serving_prefixes.py)."""


class Prefixes(Generic[Replica]):
    """The newest reader of every beginning, forgotten in the order of last use."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._readers: OrderedDict[int, Replica] = OrderedDict()
        self._capacity = capacity

    def note(self, tokens: Sequence[int], replica: Replica, adapter: str = "") -> None:
        """A replica reads this prompt now, and has its adapter."""
        for beginning in _beginnings(tokens, adapter):
            self._readers[beginning] = replica
            self._readers.move_to_end(beginning)
        while len(self._readers) > self._capacity:
            self._readers.popitem(last=False)

    def reader(self, tokens: Sequence[int], there: Collection[Replica], adapter: str = "") -> Replica | None:
        """The replica, of those that are there, that has read the most of this prompt, where that is worth a detour; a prompt that
        none has read goes to one that has its adapter."""
        beginnings = list(_beginnings(tokens, adapter))
        marks = 1 if adapter else 0
        least = max(1, math.ceil(_LEAST_SHARE * (len(beginnings) - marks)))
        for beginning in reversed(beginnings[:marks] + beginnings[marks + least - 1 :]):
            if (found := self._readers.get(beginning)) in there:
                return found
        return None


def has_room(replica: Replica, requests: Mapping[Replica, int]) -> bool:
    """Whether one request more leaves a replica with no more than its share and a bit, given the requests that each has now."""
    return requests[replica] + 1 <= math.ceil(_BOUND * (sum(requests.values()) + 1) / len(requests))


def _beginnings(tokens: Sequence[int], adapter: str) -> Iterator[int]:
    """A number for each beginning of whole blocks, the shortest first; before them one for the adapter, if there is one."""
    beginning = hash(adapter)
    if adapter:
        yield beginning
    for end in range(BLOCK, len(tokens) + 1, BLOCK):
        beginning = hash((beginning, *tokens[end - BLOCK : end]))
        yield beginning
