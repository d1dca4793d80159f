"""Merge the most frequent pair of tokens again and again, compiled by numba: the merges that tokenizers' BpeTrainer learns.

Equal counts: the pair of the lower ids first. A merge may make a token that another merge made before; then both are kept.
Not for counting pieces: see count.py.
"""

from typing import Any

import numpy as np

from workloads.text.kernels.compiled import compiled
from workloads.tokenizer.learning.arrays import longer, power_above
from workloads.tokenizer.learning.contents import Tokens, enter_token, join
from workloads.tokenizer.learning.pairs import Pairs, Places, number_of, with_place
from workloads.tokenizer.learning.queue import push, refresh, sift_down
from workloads.tokenizer.learning.words import all_pairs, merge_word

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_NOTHING = -1
_ROOM = 1 << 14  # pairs at first
_LONGEST_WORD = 1


@compiled
def learn_merges(
    words: Any, bounds: Any, counts: Any, content: Any, begins: Any, known: Any, vocabulary: Any, least: Any, longest: Any
) -> Any:
    """The merges as rows (left, right, made token).

    words: int32, the tokens of the different pieces back to back, changed here; bounds: int64[pieces + 1]; counts: int64, how
    often each piece occurs; content, begins: uint8 and int64[vocabulary + 2], the bytes of the `known` tokens back to back,
    with room for `vocabulary` tokens and one more; least: the smallest count that is merged; longest: see `merge_word`.
    """
    tokens = Tokens(
        content, begins, np.zeros(vocabulary + 1, np.int64), np.full(power_above(4 * vocabulary), _NOTHING, np.int64)
    )
    for token in range(known):
        enter_token(tokens, token)
    pairs = Pairs(
        np.full(1 << 16, _NOTHING, np.int64), np.empty(_ROOM, np.uint64), np.empty(_ROOM, np.int64), np.empty(_ROOM, np.int64)
    )
    places = Places(np.empty(len(words) + 1, np.int32), np.empty(len(words) + 1, np.int64))
    heap, heaped = np.empty((_ROOM, 3), np.int64), 0
    merges, merged = np.empty((max(1, vocabulary), 3), np.int64), 0
    touched = np.empty(_ROOM, np.int64)
    sizes = bounds[1:] - bounds[:-1]
    changes = np.empty((4 * (_LONGEST_WORD if len(sizes) == 0 else sizes.max()), 3), np.int64)
    pair_count = place_count = 0
    left = right = made = place = np.int64(_NOTHING)
    at_first, word = True, 0
    while True:
        touches = 0
        while word < len(sizes) if at_first else place != _NOTHING:
            if at_first:
                its, changed, word = word, all_pairs(words[bounds[word] : bounds[word + 1]], changes), word + 1
            else:
                its, place = places.words[place], places.following[place]
                part = words[bounds[its] : bounds[its + 1]]
                sizes[its], changed = merge_word(part, sizes[its], left, right, made, tokens.lengths, longest, changes)
            for at in range(changed):
                key = np.uint64(changes[at, 0]) << _HALF | np.uint64(changes[at, 1])
                pair, pairs, pair_count = number_of(key, pairs, pair_count)
                pairs.totals[pair] += changes[at, 2] * counts[its]
                first = pairs.firsts[pair]
                if changes[at, 2] < 0 or (first != _NOTHING and places.words[first] == its):
                    continue
                if first == _NOTHING:
                    if touches == len(touched):
                        touched = longer(touched)
                    touched[touches] = pair
                    touches += 1
                places = with_place(places, place_count, its, first)
                pairs.firsts[pair] = place_count
                place_count += 1
        for pair in touched[:touches]:
            if pairs.totals[pair] > 0:
                heap = push(heap, heaped, pairs, pair)
                heaped += 1
            pairs.firsts[pair] = _NOTHING
        refresh(heap, heaped, pairs)
        if heaped == 0 or known >= vocabulary or heap[0, 0] < least:
            return merges[:merged].copy()
        at_first = False
        left, right = np.int64(pairs.keys[heap[0, 1]] >> _HALF), np.int64(pairs.keys[heap[0, 1]] & _LOW)
        place = heap[0, 2]
        heaped -= 1
        heap[0] = heap[heaped]
        sift_down(heap, heaped, pairs.keys)
        made = join(tokens, left, right, known)
        known += made == known
        if merged == len(merges):
            merges = longer(merges)
        merges[merged, 0], merges[merged, 1], merges[merged, 2] = left, right, made
        merged += 1
