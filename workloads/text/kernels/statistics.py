"""What rules ask of a text's characters and lines, counted in one pass."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Offsets, Points
from workloads.text.kernels.compiled import compiled
from workloads.text.kernels.shingles import BASE, MIX, Hashes
from workloads.text.kinds import Kind
from workloads.text.measure import DIVIDERS, ENTROPY_SAMPLE, WINDOW

KINDS = len(Kind)
DIFFERENT, REPEATED_LINES, REPEATED_PARAGRAPHS, MOST_DIVIDERS, FIELDS = range(KINDS, KINDS + 5)
"""Columns of `count` after those of the kinds."""

_SPACE, _BREAK = int(Kind.SPACE), int(Kind.NEWLINE)
_DIVIDERS = np.array(sorted(map(ord, DIVIDERS)), np.uint32)
_WHOLE = 0x110000
_NEWLINE = 10
_ONE, _HIGH, _LOW = np.uint64(1), np.uint64(30), np.uint64(31)


@compiled
def _seen_before(table: Hashes, mask: np.uint64, value: np.uint64) -> bool:
    """Whether a hash is in the table; it is afterwards. One of its bits is lost, since 0 stands for an empty slot."""
    value = (value ^ value >> _HIGH) * MIX
    value = value ^ value >> _LOW | _ONE
    slot = value >> _ONE & mask
    while table[slot] != 0 and table[slot] != value:
        slot = (slot + _ONE) & mask
    before = table[slot] == value
    table[slot] = value
    return bool(before)


@compiled
def count(points: Points, offsets: Offsets, kinds: NDArray[np.uint8]) -> Offsets:
    """[texts, FIELDS]: characters of each kind; different ones among the first visible ones; lines, and paragraphs (lines
    between blank ones), that stand in the text before, white space at both ends of a line left out; and the most dividers
    of words in one line."""
    texts = len(offsets) - 1
    counts = np.zeros((texts, FIELDS), np.int64)
    stamps = np.zeros(_WHOLE, np.uint32)  # the number of the last text that had a character, from 1
    divides = np.zeros(_WHOLE, np.bool_)
    for point in _DIVIDERS:
        divides[point] = True
    table = np.empty(16, np.uint64)
    for text in range(texts):
        row = counts[text]
        start, stop = offsets[text], offsets[text + 1]
        lines = 1
        for place in range(start, stop):
            lines += points[place] == _NEWLINE
        room = 16
        while room < 4 * lines:  # lines and paragraphs, half full
            room *= 2
        if room > len(table):
            table = np.empty(room, np.uint64)
        table[:room] = 0
        mask = np.uint64(room - 1)
        visible = dividers = 0
        some = False  # of the line is visible
        line = line_to_last = _ONE
        paragraph, lines_of_paragraph = BASE, 0
        for place in range(start, stop + 1):
            point = points[place] if place < stop else np.uint32(_NEWLINE)
            kind = kinds[point]
            dividers += divides[point]
            if kind in (_SPACE, _BREAK):
                row[kind] += place < stop
                line = line * BASE + np.uint64(point) + _ONE
                if point != _NEWLINE:
                    continue
                if some:
                    row[REPEATED_LINES] += _seen_before(table, mask, line_to_last)
                    row[MOST_DIVIDERS] = max(row[MOST_DIVIDERS], dividers)
                    paragraph = paragraph * MIX + line_to_last
                    lines_of_paragraph += 1
                if lines_of_paragraph and (not some or place == stop):
                    row[REPEATED_PARAGRAPHS] += _seen_before(table, mask, paragraph)
                    paragraph, lines_of_paragraph = BASE, 0
                some, line, dividers = False, _ONE, 0
                continue
            row[kind] += 1
            if not some:
                some, line = True, _ONE
            line = line * BASE + np.uint64(point) + _ONE
            line_to_last = line
            visible += 1
            if visible <= WINDOW and stamps[point] != text + 1:
                stamps[point] = text + 1
                row[DIFFERENT] += 1
    return counts


@compiled
def entropies(points: Points, offsets: Offsets, kinds: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shannon entropy, bits, of the visible ones among the first characters of each text."""
    bits = np.zeros(len(offsets) - 1)
    occurs = np.zeros(_WHOLE, np.uint16)
    found = np.empty(ENTROPY_SAMPLE, np.uint32)
    weights = np.zeros(ENTROPY_SAMPLE + 1)
    for number in range(2, ENTROPY_SAMPLE + 1):
        weights[number] = number * np.log2(number)
    for text in range(len(offsets) - 1):
        total = different = 0
        for place in range(offsets[text], min(offsets[text] + ENTROPY_SAMPLE, offsets[text + 1])):
            point = points[place]
            if kinds[point] == _SPACE or kinds[point] == _BREAK:
                continue
            total += 1
            if occurs[point] == 0:
                found[different] = point
                different += 1
            occurs[point] += 1
        known = 0.0
        for number in range(different):
            known += weights[occurs[found[number]]]
            occurs[found[number]] = 0
        if total:
            bits[text] = np.log2(total) - known / total
    return bits
