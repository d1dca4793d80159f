"""The hot loop: cut UTF-8 text into the pieces of `train.piece_pattern` and merge each by exact BPE, compiled by numba.

Not for tables (tables.py) or for Arrow (encoder.py). What is compiled is kept on disk and made anew when this file changes:
so all that it depends on is here, also the constants. The arguments that all functions share are told at `encode_texts`.
"""

from typing import Any

import numpy as np

from workloads.text.kernels.compiled import compiled

# Classes of characters, which may be added up.
HAN = np.uint8(1)  # \p{Han}
NUMBER = np.uint8(2)  # \p{N}
WORD = np.uint8(4)  # \p{L} or \p{M}, but not Han
OTHER = np.uint8(8)  # none of \s \p{L} \p{M} \p{N}, Han or not
SPACE = np.uint8(16)  # \s
LINE_END = np.uint8(32)  # \r or \n

LONGEST_WORD, LONGEST_OTHER, LONGEST_LINE_END, LONGEST_SPACE = 64, 16, 8, 16  # characters, as in train.piece_pattern
NO_PAIR = np.iinfo(np.int64).max
NO_TOKEN = -1
EMPTY = np.iinfo(np.uint64).max
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_SPACE_POINT = 0x20


@compiled
def width_of(lead: Any) -> Any:
    """Bytes of the character that begins with this byte."""
    if lead < 0x80:
        return 1
    if lead < 0xE0:
        return 2
    return 3 if lead < 0xF0 else 4


@compiled
def point_at(text: Any, at: Any) -> Any:
    """The code point of the character that begins at this byte."""
    lead = np.int64(text[at])
    if lead < 0x80:
        return lead
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (text[at + 1] & 0x3F)
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | (text[at + 2] & 0x3F)
    return (lead & 0x07) << 18 | (text[at + 1] & 0x3F) << 12 | (text[at + 2] & 0x3F) << 6 | (text[at + 3] & 0x3F)


@compiled
def run_end(text: Any, at: Any, end: Any, classes: Any, wanted: Any, most: Any) -> Any:
    """Where the run of at most `most` characters of a class ends that begins at `at`."""
    while at < end and most > 0 and classes[point_at(text, at)] & wanted:
        at += width_of(text[at])
        most -= 1
    return at


@compiled
def piece_end(text: Any, at: Any, end: Any, classes: Any, han_run: Any) -> Any:
    """Where the piece that begins at byte `at` ends. The order of the questions is that of the pattern's alternatives."""
    point = point_at(text, at)
    its = classes[point]
    if its & HAN:
        return run_end(text, at, end, classes, HAN, han_run)
    if its & NUMBER:
        return at + width_of(text[at])
    begin = at + 1 if point == _SPACE_POINT and at + 1 < end else at
    first = classes[point_at(text, begin)]
    if first & WORD:
        return run_end(text, begin, end, classes, WORD, LONGEST_WORD)
    if first & OTHER:
        return run_end(text, begin, end, classes, OTHER, LONGEST_OTHER)
    if its & LINE_END:
        return run_end(text, at, end, classes, LINE_END, LONGEST_LINE_END)
    return blank_end(text, at, end, classes)


@compiled
def blank_end(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Of a run of white space other than line ends: all of it, but the last character where other text follows."""
    last = at
    stop = at
    count = 0
    while stop < end and count < LONGEST_SPACE:
        its = classes[point_at(text, stop)]
        if not its & SPACE or its & LINE_END:
            break
        last = stop
        stop += width_of(text[stop])
        count += 1
    if count > 1 and stop < end and not classes[point_at(text, stop)] & SPACE:
        return last
    return stop


@compiled
def piece_ends(text: Any, bounds: Any, classes: Any, han_run: Any, stops: Any) -> Any:
    """Put the end of every piece of every text into `stops`, int64, as long as the bytes; how many pieces there are."""
    count = 0
    for document in range(len(bounds) - 1):
        at = bounds[document]
        while at < bounds[document + 1]:
            at = piece_end(text, at, bounds[document + 1], classes, han_run)
            stops[count] = at
            count += 1
    return count


@compiled
def slot_of(left: Any, right: Any, keys: Any, shift: Any) -> Any:
    """Where in the hash table this pair is, or the empty place where it would be."""
    key = np.uint64(left) << np.uint64(32) | np.uint64(right)
    slot = np.int64((key * _SPREAD) >> shift)
    while keys[slot] != key and keys[slot] != EMPTY:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@compiled
def fill_slots(pairs: Any, made: Any, keys: Any, merges: Any, shift: Any) -> None:
    """Enter `made[rank]`, the token of the merge of `pairs[rank]`, into an empty hash table."""
    for rank in range(len(pairs)):
        slot = slot_of(pairs[rank, 0], pairs[rank, 1], keys, shift)
        keys[slot] = np.uint64(pairs[rank, 0]) << np.uint64(32) | np.uint64(pairs[rank, 1])
        merges[slot] = rank << 32 | made[rank]


@compiled
def find_pair(left: Any, right: Any, keys: Any, merges: Any, shift: Any) -> Any:
    """Rank << 32 | token of the merge of two tokens, or NO_PAIR."""
    slot = slot_of(left, right, keys, shift)
    return NO_PAIR if keys[slot] == EMPTY else merges[slot]


@compiled
def merge_piece(tokens: Any, pairs: Any, count: Any, keys: Any, merges: Any, shift: Any) -> Any:
    """Merge `tokens[:count]` in place, lowest rank first and of equals the leftmost; how many are left.

    Quadratic in the piece, which is short by construction: a heap or a list of links costs more.
    """
    for at in range(count - 1):
        pairs[at] = find_pair(tokens[at], tokens[at + 1], keys, merges, shift)
    while count > 1:
        best = 0
        for at in range(1, count - 1):
            if pairs[at] < pairs[best]:
                best = at
        if pairs[best] == NO_PAIR:
            break
        tokens[best] = pairs[best] & 0xFFFFFFFF
        count -= 1
        for at in range(best + 1, count):
            tokens[at] = tokens[at + 1]
            pairs[at - 1] = pairs[at]
        if best > 0:
            pairs[best - 1] = find_pair(tokens[best - 1], tokens[best], keys, merges, shift)
        if best < count - 1:
            pairs[best] = find_pair(tokens[best], tokens[best + 1], keys, merges, shift)
    return count


@compiled
def first_tokens(text: Any, at: Any, stop: Any, letters: Any, bytes_: Any, tokens: Any) -> Any:
    """Put the tokens to merge of the characters from byte `at` to `stop` into `tokens`; how many characters and tokens."""
    characters = 0
    count = 0
    while at < stop:
        whole = letters[point_at(text, at)]
        width = width_of(text[at])
        if whole == NO_TOKEN:
            for place in range(at, at + width):
                tokens[count] = bytes_[text[place]]
                count += 1
        else:
            tokens[count] = whole
            count += 1
        characters += 1
        at += width
    return characters, count


@compiled
def encode_texts(
    text: Any,
    bounds: Any,
    classes: Any,
    letters: Any,
    bytes_: Any,
    keys: Any,
    merges: Any,
    shift: Any,
    han_run: Any,
    end_token: Any,
    found: Any,
    offsets: Any,
    characters: Any,
) -> Any:
    """Write the tokens of each text, and `end_token` after it, to `found`; how many were written.

    text: uint8, valid UTF-8, the texts back to back; bounds: int64[texts + 1], where each begins, and where the last ends;
    classes, letters: uint8 and int32 by code point, its classes and the token that it always becomes first, or NO_TOKEN;
    bytes_: int32[256], the tokens of bytes; keys, merges, shift: the hash table of merges, see `slot_of` and `find_pair`;
    han_run: the longest run of Han; found: out, as long as bytes and texts together; offsets: out, int64[texts + 1];
    characters: out, int64[texts].
    """
    longest = 4 * (max(han_run, LONGEST_WORD) + 1)
    tokens = np.empty(longest, np.int64)
    pairs = np.empty(longest, np.int64)
    written = 0
    offsets[0] = 0
    for document in range(len(bounds) - 1):
        at = bounds[document]
        length = 0
        while at < bounds[document + 1]:
            stop = piece_end(text, at, bounds[document + 1], classes, han_run)
            seen, count = first_tokens(text, at, stop, letters, bytes_, tokens)
            count = merge_piece(tokens, pairs, count, keys, merges, shift)
            for place in range(count):
                found[written + place] = tokens[place]
            written += count
            length += seen
            at = stop
        found[written] = end_token
        written += 1
        offsets[document + 1] = written
        characters[document] = length
    return written
