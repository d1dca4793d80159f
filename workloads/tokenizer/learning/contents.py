"""The bytes of tokens, and which token has the same bytes as another; compiled."""

from typing import Any, NamedTuple

import numpy as np

from workloads.text.kernels.compiled import compiled

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_HALF = np.uint64(32)
_NOTHING = -1


class Tokens(NamedTuple):
    """By token: where its bytes begin in `content` (and those of the last one end), their number; and the open hash table of
    tokens by content, less than half full."""

    content: Any
    begins: Any
    lengths: Any
    slots: Any


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
def same_bytes(content: Any, begin: Any, other: Any, length: Any) -> Any:
    """Whether the same `length` bytes begin at both places."""
    for at in range(length):  # noqa: SIM110  # a generator would not compile
        if content[begin + at] != content[other + at]:
            return False
    return True


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
