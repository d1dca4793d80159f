"""Everything that rules ask of a text's characters and lines, counted in one pass."""

import numpy as np
from numpy.typing import NDArray

from workloads.text.codes import Offsets, Points
from workloads.text.kernels.characters import (
    BRACKET,
    BULLET,
    CLAUSE,
    CLOSING,
    CODE,
    DIGIT,
    IDEOGRAPH,
    LATIN,
    LETTER,
    SPACE,
    WHOLE,
    Table,
)
from workloads.text.kernels.compiled import compiled
from workloads.text.kernels.shingles import BASE, MIX, Hashes

COUNTED = (
    "visible", "letters", "han", "latin", "digits", "clause_marks", "code_marks", "brackets", "distinct", "longest_digits",
    "at_signs", "url_characters",
)  # fmt: skip
LINED = (
    "lines", "closed_lines", "bullet_lines", "ellipsis_lines", "repeated_lines", "repeated_line_characters", "paragraphs",
    "repeated_paragraphs", "repeated_paragraph_characters",
)  # fmt: skip
FIELDS = COUNTED + LINED
"""The columns of `count`, in order; workloads/text/measure.py tells what each means."""

LINES, CLOSED_LINES, BULLET_LINES, ELLIPSIS_LINES, REPEATED_LINES, REPEATED_LINE_CHARACTERS, PARAGRAPHS = range(12, 19)
REPEATED_PARAGRAPHS, REPEATED_PARAGRAPH_CHARACTERS = 19, 20
ENTROPY_SAMPLE = 5000
_FIELDS = len(FIELDS)
_NEWLINE, _AT, _STOP, _COLON, _S, _ELLIPSIS, _WIDE_AT = 10, 0x40, 0x2E, 0x3A, 0x73, 0x2026, 0xFF20
_HTTP, _WWW = (0x68, 0x74, 0x74, 0x70), (0x77, 0x77, 0x77, 0x2E)
_ONE, _HIGH, _LOW = np.uint64(1), np.uint64(30), np.uint64(31)


@compiled
def _url_begins(points: Points, place: int, stop: int) -> bool:
    """Whether `http:`, `https:` or `www.` stands at a place."""
    if place + 5 > stop:
        return False
    http, www = True, True
    for offset in range(4):
        http = http and points[place + offset] == _HTTP[offset]
        www = www and points[place + offset] == _WWW[offset]
    after = points[place + 4]
    secure = after == _S and place + 5 < stop and points[place + 5] == _COLON
    return www or (http and bool(after == _COLON or secure))


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
def count(points: Points, offsets: Offsets, classes: Table) -> Offsets:
    """The counts of FIELDS of each text, [texts, fields]."""
    texts = len(offsets) - 1
    counts = np.zeros((texts, _FIELDS), np.int64)
    stamps = np.zeros(WHOLE, np.uint32)  # the number of the last text that had a character, from 1
    most = 0
    for text in range(texts):
        lines = 1
        for place in range(offsets[text], offsets[text + 1]):
            lines += points[place] == _NEWLINE
        most = max(most, lines)
    room = 16
    while room < 4 * most:
        room *= 2
    table = np.empty(room, np.uint64)
    for text in range(texts):
        row = counts[text]
        start, stop = offsets[text], offsets[text + 1]
        lines = 1
        for place in range(start, stop):
            lines += points[place] == _NEWLINE
        room = 16
        while room < 4 * lines:  # lines and paragraphs, half full
            room *= 2
        table[:room] = 0
        mask = np.uint64(room - 1)
        visible = letters = han = latin = digits = clauses = code = brackets = distinct = ats = in_urls = 0
        run = longest = 0
        address = False
        first = last = -1  # of the line's visible characters
        line, line_to_last = _ONE, _ONE
        paragraph, paragraph_size = BASE, 0
        for place in range(start, stop + 1):
            point = points[place] if place < stop else np.uint32(_NEWLINE)
            kind = classes[point]
            if kind & SPACE:
                run, address = 0, False
                line = line * BASE + np.uint64(point) + _ONE
                if point != _NEWLINE:
                    continue
                if first >= 0:
                    size = last - first + 1
                    row[LINES] += 1
                    row[CLOSED_LINES] += classes[points[last]] & CLOSING != 0
                    row[BULLET_LINES] += classes[points[first]] & BULLET != 0
                    dots = (
                        last - 2 >= first and points[last] == _STOP and points[last - 1] == _STOP and points[last - 2] == _STOP
                    )
                    row[ELLIPSIS_LINES] += dots or points[last] == _ELLIPSIS
                    if _seen_before(table, mask, line_to_last):
                        row[REPEATED_LINES] += 1
                        row[REPEATED_LINE_CHARACTERS] += size
                    paragraph = paragraph * MIX + line_to_last
                    paragraph_size += size
                if paragraph_size and (first < 0 or place == stop):
                    row[PARAGRAPHS] += 1
                    if _seen_before(table, mask, paragraph):
                        row[REPEATED_PARAGRAPHS] += 1
                        row[REPEATED_PARAGRAPH_CHARACTERS] += paragraph_size
                    paragraph, paragraph_size = BASE, 0
                first, line = -1, _ONE
                continue
            if first < 0:
                first, line = place, _ONE
            last = place
            line = line * BASE + np.uint64(point) + _ONE
            line_to_last = line
            visible += 1
            letters += kind & LETTER != 0
            han += kind & IDEOGRAPH != 0
            latin += kind & LATIN != 0
            clauses += kind & CLAUSE != 0
            code += kind & CODE != 0
            brackets += kind & BRACKET != 0
            if kind & DIGIT:
                digits += 1
                run += 1
                longest = max(longest, run)
            else:
                run = 0
            ats += point in (_AT, _WIDE_AT)
            if not address and point in (_HTTP[0], _WWW[0]):
                address = _url_begins(points, place, stop)
            address = address and bool(point < 0x7F)
            in_urls += address
            if stamps[point] != text + 1:
                stamps[point] = text + 1
                distinct += 1
        values = (visible, letters, han, latin, digits, clauses, code, brackets, distinct, longest, ats, in_urls)
        for field in range(len(values)):
            row[field] = values[field]
    return counts


@compiled
def entropies(points: Points, offsets: Offsets, classes: Table) -> NDArray[np.float64]:
    """Shannon entropy, bits, of the visible ones among the first characters of each text."""
    bits = np.zeros(len(offsets) - 1)
    occurs = np.zeros(WHOLE, np.uint16)
    found = np.empty(ENTROPY_SAMPLE, np.uint32)
    weights = np.zeros(ENTROPY_SAMPLE + 1)
    for number in range(2, ENTROPY_SAMPLE + 1):
        weights[number] = number * np.log2(number)
    for text in range(len(offsets) - 1):
        total = different = 0
        for place in range(offsets[text], min(offsets[text] + ENTROPY_SAMPLE, offsets[text + 1])):
            point = points[place]
            if classes[point] & SPACE:
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
