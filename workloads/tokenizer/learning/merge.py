"""Merge the most frequent pair of tokens again and again, compiled by numba: the merges that tokenizers' BpeTrainer learns.

Equal counts: the pair of the lower ids first. A merge may make a token that another merge made before; then both are kept.
Not for counting pieces: see count.py.
"""

from typing import Any, NamedTuple

import numpy as np

from workloads.text.kernels.compiled import compiled

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_NOTHING = -1
_ROOM = 1 << 14  # pairs at first
_LONGEST_WORD = 1


class Pairs(NamedTuple):
    """By number of a pair: its tokens (left << 32 | right), how often it occurs, the first of its new places; and the open hash
    table of numbers, less than half full."""

    slots: Any
    keys: Any
    totals: Any
    firsts: Any


class Places(NamedTuple):
    """Chains of words that hold a pair: the word, and the next place of the chain."""

    words: Any
    following: Any


class Tokens(NamedTuple):
    """By token: where its bytes begin in `content` (and those of the last one end), their number; and the open hash table of
    tokens by content, less than half full."""

    content: Any
    begins: Any
    lengths: Any
    slots: Any


@compiled
def longer(array: Any) -> Any:
    """A copy with twice the room."""
    made = np.empty((2 * len(array), *array.shape[1:]), array.dtype)
    made[: len(array)] = array
    return made


@compiled
def slot_for(key: Any, slots: Any, keys: Any) -> Any:
    """Where in the table the number of this pair is, or would be."""
    mask = np.uint64(len(slots) - 1)
    at = ((key * _SPREAD) >> _HALF) & mask
    while slots[at] != _NOTHING and keys[slots[at]] != key:
        at = (at + np.uint64(1)) & mask
    return at


@compiled
def number_of(key: Any, pairs: Any, count: Any) -> Any:
    """The number of a pair, the pairs with room for it, and how many there are with it."""
    slot = slot_for(key, pairs.slots, pairs.keys)
    if pairs.slots[slot] != _NOTHING:
        return pairs.slots[slot], pairs, count
    if count == len(pairs.keys):
        keys = longer(pairs.keys)
        slots = np.full(4 * len(keys), _NOTHING, np.int64)
        for pair in range(count):
            slots[slot_for(keys[pair], slots, keys)] = pair
        pairs = Pairs(slots, keys, longer(pairs.totals), longer(pairs.firsts))
        slot = slot_for(key, pairs.slots, pairs.keys)
    pairs.slots[slot] = count
    pairs.keys[count] = key
    pairs.totals[count] = 0
    pairs.firsts[count] = _NOTHING
    return count, pairs, count + 1


@compiled
def with_place(places: Any, at: Any, word: Any, following: Any) -> Any:
    """The places with one more, numbered `at`."""
    if at == len(places.words):
        places = Places(longer(places.words), longer(places.following))
    places.words[at] = word
    places.following[at] = following
    return places


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
def merge_word(word: Any, length: Any, left: Any, right: Any, made: Any, lengths: Any, longest: Any, changes: Any) -> Any:
    """Merge a pair everywhere in `word[:length]`; the new length, and how many changes (left, right, +1 or -1) of pairs that
    makes. A new pair of `longest` bytes or more is never counted."""
    kept = 0
    changed = 0
    at = 0
    while at < length:
        if at + 1 < length and word[at] == left and word[at + 1] == right:
            if kept > 0:
                changed = note(changes, changed, word[kept - 1], left, -1)
                if lengths[word[kept - 1]] + lengths[made] < longest:
                    changed = note(changes, changed, word[kept - 1], made, 1)
            word[kept] = made
            if at + 2 < length:
                changed = note(changes, changed, right, word[at + 2], -1)
                if lengths[word[at + 2]] + lengths[made] < longest:
                    changed = note(changes, changed, made, word[at + 2], 1)
            at += 2
        else:
            word[kept] = word[at]
            at += 1
        kept += 1
    return kept, changed


@compiled
def note(changes: Any, at: Any, left: Any, right: Any, change: Any) -> Any:
    """Put down a change; where the next one goes."""
    changes[at, 0] = left
    changes[at, 1] = right
    changes[at, 2] = change
    return at + 1


@compiled
def find_token(tokens: Any, token: Any) -> Any:
    """The slot of the token with the same bytes as this one, which is not entered yet, or an empty slot."""
    begin = tokens.begins[token]
    length = tokens.begins[token + 1] - begin
    value = np.uint64(length)
    for at in range(begin, begin + length):
        value = (value ^ np.uint64(tokens.content[at])) * _SPREAD
    mask = np.uint64(len(tokens.slots) - 1)
    slot = (value >> _HALF) & mask
    while tokens.slots[slot] != _NOTHING:
        other = tokens.slots[slot]
        if tokens.lengths[other] == length and same_bytes(tokens.content, begin, tokens.begins[other], length):
            break
        slot = (slot + np.uint64(1)) & mask
    return slot


@compiled
def enter_token(tokens: Any, count: Any) -> Any:
    """The token with the bytes of token number `count`: that one, or an older one."""
    slot = find_token(tokens, count)
    if tokens.slots[slot] == _NOTHING:
        tokens.slots[slot] = count
        tokens.lengths[count] = tokens.begins[count + 1] - tokens.begins[count]
    return tokens.slots[slot]


@compiled
def join(tokens: Any, left: Any, right: Any, count: Any) -> Any:
    """The token that two tokens make: number `count`, or an older one with the same bytes."""
    end = tokens.begins[count]
    for part in (left, right):
        for at in range(tokens.begins[part], tokens.begins[part + 1]):
            tokens.content[end] = tokens.content[at]
            end += 1
    tokens.begins[count + 1] = end
    return enter_token(tokens, count)


@compiled
def same_bytes(content: Any, begin: Any, other: Any, length: Any) -> Any:
    """Whether the same `length` bytes begin at both places."""
    for at in range(length):  # noqa: SIM110  # a generator would not compile
        if content[begin + at] != content[other + at]:
            return False
    return True


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


@compiled
def all_pairs(word: Any, changes: Any) -> Any:
    """Put down every pair of a word as new; how many."""
    changed = 0
    for at in range(len(word) - 1):
        changed = note(changes, changed, word[at], word[at + 1], 1)
    return changed


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


@compiled
def power_above(size: Any) -> Any:
    """The least power of two that is not less."""
    power = 16
    while power < size:
        power *= 2
    return power
