"""Where a large plain file of lines can be cut, so that several tasks read it: found by tasks of their own, range by range."""

import re
from dataclasses import dataclass

import ray

from cluster import storage
from workloads.corpus.reading import encoding
from workloads.corpus.reading.piece import InputFile, Piece
from workloads.corpus.reading.source import BLOCK

_NEWLINE = re.compile(rb"\n")
_BLANK_LINE = re.compile(rb"\n[ \t\r\x0b\x0c]*\n")
_OVERLAP = 64  # bytes of the block before that are looked at again, for a blank line on the border


@dataclass(frozen=True)
class Cut:
    """What a range of bytes holds: newlines in all, and the place after its first border (-1: none) with the newlines
    of the range before that place."""

    newlines: int
    border: int
    before: int


def cut_lines(file: InputFile, index: int, split_bytes: int) -> list[Piece]:
    """Parts that begin after a newline, or after a blank line where these divide documents; a range without such a place
    joins the one before. One part where the encoding has no newline bytes."""
    place = storage.locate(file.uri)
    with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
        charset = encoding.detect(stream.read(encoding.SAMPLE))
    if charset in (encoding.UTF16_LE, encoding.UTF16_BE):
        return [Piece(file, index, bytes=file.size)]
    starts = range(0, file.size, split_bytes)
    cuts = ray.get([_look.remote(file.uri, start, min(start + split_bytes, file.size), file.blank_lines) for start in starts])
    begins, newlines = [(0, 1)], 0
    for start, cut in zip(starts, cuts, strict=True):
        if start and 0 <= cut.border < file.size:
            begins.append((cut.border, newlines + cut.before + 1))
        newlines += cut.newlines
    ends = [begin for begin, _ in begins[1:]] + [file.size]
    return [
        Piece(file, index, begin, end, first, end - begin, charset) for (begin, first), end in zip(begins, ends, strict=True)
    ]


@ray.remote
def _look(uri: str, start: int, stop: int, blank_lines: bool) -> Cut:
    pattern = _BLANK_LINE if blank_lines else _NEWLINE
    place = storage.locate(uri)
    newlines, border, before, at, tail = 0, -1, 0, start, b""
    with storage.plain_errors("reading", place), place.filesystem.open_input_file(place.path) as stream:
        stream.seek(start)
        while at < stop and (block := stream.read(min(BLOCK, stop - at))):
            if border < 0 and (match := pattern.search(tail + block)):
                border = at - len(tail) + match.end()
                before = newlines - tail.count(b"\n") + (tail + block).count(b"\n", 0, match.end())
            newlines += block.count(b"\n")
            at += len(block)
            tail = block[-_OVERLAP:]
    return Cut(newlines, border, before)
