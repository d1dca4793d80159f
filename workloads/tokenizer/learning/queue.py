"""A heap of pairs, the most frequent first; equal counts: the pair of the lower ids. Compiled."""

from typing import Any

from workloads.text.kernels.compiled import compiled
from workloads.tokenizer.learning.arrays import longer


@compiled
def comes_first(count: Any, key: Any, other_count: Any, other_key: Any) -> Any:
    """The order of the queue."""
    return count > other_count or (count == other_count and key < other_key)


@compiled
def sift_up(heap: Any, at: Any, keys: Any) -> None:
    """Let the last entry of the heap rise to its place. An entry: count, number of the pair, first of its places."""
    while at > 0:
        above = (at - 1) // 2
        if not comes_first(heap[at, 0], keys[heap[at, 1]], heap[above, 0], keys[heap[above, 1]]):
            break
        for column in range(3):
            heap[at, column], heap[above, column] = heap[above, column], heap[at, column]
        at = above


@compiled
def sift_down(heap: Any, size: Any, keys: Any) -> None:
    """Let the first entry of the heap sink to its place."""
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and comes_first(heap[below + 1, 0], keys[heap[below + 1, 1]], heap[below, 0], keys[heap[below, 1]]):
            below += 1
        if not comes_first(heap[below, 0], keys[heap[below, 1]], heap[at, 0], keys[heap[at, 1]]):
            break
        for column in range(3):
            heap[at, column], heap[below, column] = heap[below, column], heap[at, column]
        at = below


@compiled
def push(heap: Any, size: Any, pairs: Any, pair: Any) -> Any:
    """The heap with a pair and its new places, numbered `size`; the pair has no new places then."""
    if size == len(heap):
        heap = longer(heap)
    heap[size, 0] = pairs.totals[pair]
    heap[size, 1] = pair
    heap[size, 2] = pairs.firsts[pair]
    sift_up(heap, size, pairs.keys)
    return heap


@compiled
def refresh(heap: Any, size: Any, pairs: Any) -> None:
    """Bring the most frequent pair to the top: counts in the queue may be of before."""
    while size > 0 and heap[0, 0] != pairs.totals[heap[0, 1]]:
        heap[0, 0] = pairs.totals[heap[0, 1]]
        sift_down(heap, size, pairs.keys)
