"""The steps of normalise.py after composing, in one pass over the characters."""

from functools import cache

import numpy as np

from workloads.text import normalise, signs
from workloads.text.codes import Offsets, Points
from workloads.text.kernels.characters import WHOLE, Table, composing, mark
from workloads.text.kernels.compiled import compiled

NEWLINE, RETURN, INVISIBLE, BLANK, WIDE_SPACE, WIDE, OPENING, CHINESE, COMPOSING, ODD, MARK, WIDE_COLON = (
    1 << bit for bit in range(12)
)
_SELECTORS = range(0xE0000, 0xE01F0)  # the odd signs beyond the letters of Unicode
_FULL_WIDTH = 0xFEE0  # from a full-width form to its ASCII character
_LINE_FEED, _SPACE = 10, 32


@cache
def kinds() -> Table:
    """What to do with each code point, as bits, uint16 [1114112]."""
    table = np.zeros(WHOLE, np.uint16)
    for bit, pattern in (
        (NEWLINE, "[\n\x0b\x0c\x85\u2028\u2029]"),
        (RETURN, "\r"),
        (INVISIBLE, normalise.INVISIBLE.pattern),
        (BLANK, "[ \t]"),
        (WIDE_SPACE, normalise.WIDE_SPACE.pattern),
        (WIDE, normalise.WIDE.pattern),
        (OPENING, normalise.OPENING),
        (CHINESE, normalise.CHINESE),
        (ODD, signs.ODD.pattern),
        (MARK, signs.MARK_SIGNS),
        (WIDE_COLON, "："),
    ):
        mark(table, pattern, bit)
    table[_SELECTORS.start : _SELECTORS.stop] |= ODD
    table[composing()] |= COMPOSING
    return table


@compiled
def may_settle(points: Points, offsets: Offsets, kinds: Table) -> Points:
    """The numbers of the texts that `settle` may change: with an odd sign, a wide colon after a wide letter or digit, or a
    half-width mark after Han and before Han, a blank or the end of a line."""
    found = np.zeros(len(offsets) - 1, np.uint32)
    count = 0
    for text in range(len(offsets) - 1):
        before = 0
        for place in range(offsets[text], offsets[text + 1]):
            kind = kinds[points[place]]
            odd = kind & ODD or (kind & WIDE_COLON and before & WIDE)
            if kind & MARK and before & OPENING:
                last = place + 1 == offsets[text + 1]
                odd = last or kinds[points[place + 1]] & (OPENING | BLANK | WIDE_SPACE | RETURN | NEWLINE)
            if odd:
                found[count] = text
                count += 1
                break
            before = kind
    return found[:count]


@compiled
def may_compose(points: Points, offsets: Offsets, kinds: Table) -> Points:
    """The numbers of the texts that may not be in NFC."""
    found = np.zeros(len(offsets) - 1, np.uint32)
    count = 0
    for text in range(len(offsets) - 1):
        for place in range(offsets[text], offsets[text + 1]):
            if kinds[points[place]] & COMPOSING:
                found[count] = text
                count += 1
                break
    return found[:count]


@compiled
def clean_up(points: Points, offsets: Offsets, kinds: Table) -> tuple[Points, Offsets]:
    """Newlines, invisible characters, width, spaces and blank lines of every text, as `normalise` leaves them."""
    out = np.empty(len(points), np.uint32)
    begins = np.empty(len(offsets), np.int64)
    at = 0
    for text in range(len(offsets) - 1):
        begin = begins[text] = at
        run = at  # where the blanks before the next character begin
        newlines = 0  # in a row, so far
        before = 0  # kind of the character before the blanks
        returned = False
        for place in range(offsets[text], offsets[text + 1]):
            point = points[place]
            kind = kinds[point]
            if kind == 0:
                if at - run > 1 and run > begin and newlines == 0:
                    out[run] = _SPACE
                    at = run + 1
                out[at] = point
                at += 1
                run, newlines, before, returned = at, 0, 0, False
                continue
            if kind & (NEWLINE | RETURN):
                follows = returned and point == _LINE_FEED
                returned = kind & RETURN != 0
                if follows:
                    continue
                at = run
                if newlines < 2:
                    out[at] = _LINE_FEED
                    at += 1
                run, newlines = at, newlines + 1
                continue
            returned = False
            if kind & INVISIBLE:
                continue
            if kind & (BLANK | WIDE_SPACE):
                out[at] = _SPACE if kind & WIDE_SPACE else point
                at += 1
                continue
            if at > run:
                line_start = run == begin or newlines > 0
                if (line_start and kind & OPENING) or (not line_start and before & kind & CHINESE):
                    at = run
                elif at - run > 1 and not line_start:
                    out[run] = _SPACE
                    at = run + 1
            out[at] = point - _FULL_WIDTH if kind & WIDE else point
            at += 1
            run, newlines, before = at, 0, kind
        at = run  # blanks at the end
        while at > begin and (out[at - 1] == _LINE_FEED or out[at - 1] == _SPACE):
            at -= 1
        first = begin
        while first < at and (out[first] == _LINE_FEED or out[first] == _SPACE):
            first += 1
        if first > begin:
            out[begin : begin + at - first] = out[first:at].copy()
            at -= first - begin
    begins[len(offsets) - 1] = at
    return out[:at], begins
