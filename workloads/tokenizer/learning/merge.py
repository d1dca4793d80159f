"""Merge the most frequent pair of tokens again and again, compiled by numba: the merges that tokenizers' BpeTrainer learns.

Equal counts: the pair of the lower ids first. A merge may make a token that another merge made before; then both are kept.
Not for counting pieces: see count.py. Memory: about 30 bytes for each byte of the different pieces.
"""

from typing import Any

import numpy as np

from workloads.text.kernels.compiled import compiled

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_HALF = np.uint64(32)
_FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
_NOTHING = -1


@compiled
def longer(array: Any) -> Any:
    """A copy with twice the room."""
    made = np.empty(2 * len(array), array.dtype)
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
def find_token(content: Any, begins: Any, count: Any, slots: Any, value: Any) -> Any:
    """The slot of the token with the same bytes as token number `count`, which is not entered yet, or an empty slot."""
    length = begins[count + 1] - begins[count]
    mask = np.uint64(len(slots) - 1)
    at = (value * _SPREAD >> _HALF) & mask
    while slots[at] != _NOTHING:
        other = slots[at]
        if begins[other + 1] - begins[other] == length:
            same = True
            for place in range(length):
                if content[begins[other] + place] != content[begins[count] + place]:
                    same = False
                    break
            if same:
                return at
        at = (at + np.uint64(1)) & mask
    return at


@compiled
def hash_content(content: Any, start: Any, stop: Any) -> Any:
    """A hash of the bytes of a token."""
    value = np.uint64(stop - start)
    for at in range(start, stop):
        value = (value ^ np.uint64(content[at])) * _SPREAD
    return value


@compiled
def learn_merges(
    words: Any, bounds: Any, counts: Any, content: Any, begins: Any, known: Any, vocabulary: Any, least: Any, longest: Any
) -> Any:
    """The merges as rows (left, right, made token).

    words: int32, the tokens of the different pieces back to back, changed here; bounds: int64[pieces + 1]; counts: int64, how
    often each piece occurs; content, begins: uint8 and int64[vocabulary + 2], the bytes of the `known` tokens back to back,
    with room for `vocabulary` of at most 2 * longest bytes; least: the smallest count that is merged; longest: bytes.
    """
    lengths = np.zeros(vocabulary + 1, np.int64)
    size = 16
    while size < 4 * vocabulary:
        size *= 2
    token_slots = np.full(size, _NOTHING, np.int64)
    for token in range(known):
        lengths[token] = begins[token + 1] - begins[token]
        value = hash_content(content, begins[token], begins[token + 1])
        token_slots[find_token(content, begins, token, token_slots, value)] = token

    slots = np.full(1 << 16, _NOTHING, np.int64)
    keys = np.empty(1 << 14, np.uint64)
    totals = np.empty(1 << 14, np.int64)
    firsts = np.empty(1 << 14, np.int64)
    pairs = 0
    place_word = np.empty(max(16, len(words)), np.int32)
    place_next = np.empty(max(16, len(words)), np.int64)
    places = 0
    touched = np.empty(1 << 14, np.int64)
    heap = np.empty((1 << 14, 3), np.int64)
    heaped = 0
    longest_word = 1
    sizes = np.empty(len(counts), np.int64)
    for word in range(len(counts)):
        sizes[word] = bounds[word + 1] - bounds[word]
        longest_word = max(longest_word, sizes[word])
    changes = np.empty((4 * longest_word, 3), np.int64)
    merges = np.empty((1 << 10, 3), np.int64)
    merged = 0
    tokens = known
    left = np.int64(_NOTHING)
    right = np.int64(_NOTHING)
    made = np.int64(_NOTHING)
    place = np.int64(_NOTHING)
    word = 0
    while True:
        # One round: the changes that the last merge makes in all its words (at first: every pair of every word is new).
        touches = 0
        while (left == _NOTHING and word < len(counts)) or (left != _NOTHING and place != _NOTHING):
            if left == _NOTHING:
                its = word
                word += 1
                changed = 0
                for at in range(bounds[its], bounds[its + 1] - 1):
                    changed = note(changes, changed, words[at], words[at + 1], 1)
            else:
                its = place_word[place]
                place = place_next[place]
                sizes[its], changed = merge_word(
                    words[bounds[its] : bounds[its + 1]], sizes[its], left, right, made, lengths, longest, changes
                )
            for at in range(changed):
                key = np.uint64(changes[at, 0]) << _HALF | np.uint64(changes[at, 1])
                slot = slot_for(key, slots, keys)
                if slots[slot] == _NOTHING:
                    if pairs == len(keys):
                        keys, totals, firsts, touched = longer(keys), longer(totals), longer(firsts), longer(touched)
                        slots = np.full(4 * len(keys), _NOTHING, np.int64)
                        for pair in range(pairs):
                            slots[slot_for(keys[pair], slots, keys)] = pair
                        slot = slot_for(key, slots, keys)
                    slots[slot] = pairs
                    keys[pairs] = key
                    totals[pairs] = 0
                    firsts[pairs] = _NOTHING
                    pairs += 1
                pair = slots[slot]
                totals[pair] += changes[at, 2] * counts[its]
                if changes[at, 2] > 0:
                    if firsts[pair] == _NOTHING:
                        touched[touches] = pair
                        touches += 1
                    elif place_word[firsts[pair]] == its:
                        continue
                    if places == len(place_word):
                        place_word, place_next = longer(place_word), longer(place_next)
                    place_word[places] = its
                    place_next[places] = firsts[pair]
                    firsts[pair] = places
                    places += 1
        for at in range(touches):
            pair = touched[at]
            if totals[pair] > 0:
                if heaped == len(heap):
                    wider = np.empty((2 * len(heap), 3), np.int64)
                    wider[: len(heap)] = heap
                    heap = wider
                heap[heaped, 0] = totals[pair]
                heap[heaped, 1] = pair
                heap[heaped, 2] = firsts[pair]
                sift_up(heap, heaped, keys)
                heaped += 1
            firsts[pair] = _NOTHING
        # The most frequent pair; counts in the queue may be of before.
        while heaped > 0 and heap[0, 0] != totals[heap[0, 1]]:
            heap[0, 0] = totals[heap[0, 1]]
            sift_down(heap, heaped, keys)
        if heaped == 0 or tokens >= vocabulary or heap[0, 0] < least:
            return merges[:merged].copy()
        left = np.int64(keys[heap[0, 1]] >> _HALF)
        right = np.int64(keys[heap[0, 1]] & np.uint64(0xFFFFFFFF))
        place = heap[0, 2]
        heaped -= 1
        for column in range(3):
            heap[0, column] = heap[heaped, column]
        sift_down(heap, heaped, keys)
        # The token that it makes, new or not.
        end = begins[tokens]
        for part in (left, right):
            for at in range(begins[part], begins[part + 1]):
                content[end] = content[at]
                end += 1
        begins[tokens + 1] = end
        found = find_token(content, begins, tokens, token_slots, hash_content(content, begins[tokens], end))
        if token_slots[found] == _NOTHING:
            token_slots[found] = tokens
            lengths[tokens] = end - begins[tokens]
            tokens += 1
        made = token_slots[found]
        if merged == len(merges):
            grown = np.empty((2 * len(merges), 3), np.int64)
            grown[: len(merges)] = merges
            merges = grown
        merges[merged, 0] = left
        merges[merged, 1] = right
        merges[merged, 2] = made
        merged += 1
