"""What the kernel looks up: pairs to merges in an open hash table, and characters that may be taken whole.

Not for reading files: see form.py.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workloads.tokenizer.encoding.characters import CODE_POINTS, character_classes
from workloads.tokenizer.encoding.form import Form
from workloads.tokenizer.encoding.kernel import EMPTY, NO_TOKEN, fill_slots

_LEAST_SLOTS = 1 << 8
_SLOTS_PER_MERGE = 4
_NEVER = 1 << 62  # above every rank


@dataclass(frozen=True)
class Tables:
    """The kernel's arguments of the same names."""

    classes: NDArray[np.uint8]
    letters: NDArray[np.int32]
    bytes_: NDArray[np.int32]
    keys: NDArray[np.uint64]
    merges: NDArray[np.int64]
    shift: np.uint64
    han_run: int


def make_tables(form: Form) -> Tables:
    keys, merges, shift = _hashed(form.merges)
    bytes_ = np.array([form.tokens[bytes([byte])] for byte in range(256)], np.int32)
    return Tables(character_classes(), whole_characters(form), bytes_, keys, merges, shift, form.han_run)


def _hashed(merges: list[tuple[int, int, int]]) -> tuple[NDArray[np.uint64], NDArray[np.int64], np.uint64]:
    slots = max(_LEAST_SLOTS, 1 << (_SLOTS_PER_MERGE * len(merges) - 1).bit_length())
    shift = np.uint64(64 - (slots.bit_length() - 1))
    keys, values = np.full(slots, EMPTY, np.uint64), np.zeros(slots, np.int64)
    table = np.array(merges, np.int64).reshape(-1, 3)
    fill_slots(table[:, :2].copy(), table[:, 2].copy(), keys, values, shift)
    return keys, values, shift


def whole_characters(form: Form) -> NDArray[np.int32]:
    """For each code point the token that its bytes become before anything else can happen to them, or NO_TOKEN.

    Starting from that token gives what starting from the bytes gives where (a) the character alone is merged into it,
    (b) at no step could an outer byte or part of it be taken by a neighbouring character with a lower rank, and (c) every
    merge of the whole token has a higher rank than all steps that make it: then those steps are always done before.
    """
    found = np.full(CODE_POINTS, NO_TOKEN, np.int32)
    ranks = _Ranks(form)
    for token, number in form.tokens.items():
        character = _one_character(token)
        if character and ranks.always_whole(token, number):
            found[ord(character)] = number
    return found


def _one_character(token: bytes) -> str:
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return ""
    return text if len(text) == 1 else ""


class _Ranks:
    """The merges by pair, and the lowest rank with which a token is taken by what may stand before or after a character."""

    def __init__(self, form: Form) -> None:
        self._bytes = [form.tokens[bytes([byte])] for byte in range(256)]
        self._merges: dict[tuple[int, int], tuple[int, int]] = {}
        self._before: dict[int, int] = {}
        self._after: dict[int, int] = {}
        starts = {number for token, number in form.tokens.items() if not 0x80 <= token[0] < 0xC0}
        for rank, (left, right, made) in enumerate(form.merges):
            self._merges[left, right] = (rank, made)
            self._before.setdefault(right, rank)
            if right in starts:
                self._after.setdefault(left, rank)

    def always_whole(self, character: bytes, number: int) -> bool:
        state = [self._bytes[byte] for byte in character]
        last = -1
        while len(state) > 1:
            rank, at, made = min(self._step(at, pair) for at, pair in enumerate(pairwise(state)))
            if rank >= self._taken(state):
                return False
            state[at : at + 2] = [made]
            last = max(last, rank)
        return state == [number] and last < self._taken(state)

    def _step(self, at: int, pair: tuple[int, int]) -> tuple[int, int, int]:
        rank, made = self._merges.get(pair, (_NEVER, -1))
        return rank, at, made

    def _taken(self, state: list[int]) -> int:
        """The lowest rank with which a neighbour takes the first or the last token of a character."""
        return min(self._before.get(state[0], _NEVER), self._after.get(state[-1], _NEVER))
