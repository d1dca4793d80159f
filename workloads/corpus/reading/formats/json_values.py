"""JSON that is not one record a line: an array of records, one record over many lines, or one after the other."""

import codecs
import json
from collections.abc import Iterator
from typing import ClassVar

from workloads.corpus.reading import encoding
from workloads.corpus.reading.fields import pick
from workloads.corpus.reading.format import Format
from workloads.corpus.reading.formats.jsonl import NOT_JSON, Jsonl
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import SAMPLE_CHARACTERS, Record
from workloads.corpus.reading.source import BLOCK, Source
from workloads.corpus.reading.text_lines import INVALID, open_text

_BETWEEN = " \t\r\n,"
_DECODER = json.JSONDecoder()


class JsonValues(Format):
    """Position: the record's number; the line's where each line is a record, as many `.json` files are."""

    name: ClassVar[str] = "json"
    endings: ClassVar[tuple[str, ...]] = ("json",)

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        if _is_lines(source.head(encoding.SAMPLE)):
            yield from Jsonl().read(source, piece, limits)
            return
        text = open_text(source, piece)
        window = _Window(Source(text.stream), text.charset, limits.line)
        number = 0
        try:
            for number, value in enumerate(window.values(), 1):
                yield pick(number, value, piece.file)
        except UnicodeDecodeError as error:
            yield Record(number + 1, str(error), problem=INVALID)
        except (ValueError, RecursionError):
            problem = NOT_JSON if window.left <= limits.line else "too large"
            yield Record(number + 1, window.rest[:SAMPLE_CHARACTERS], problem=problem)


def _is_lines(head: bytes) -> bool:
    """Whether the first line is a whole record, as `{...}`, or is none that begins one over many lines."""
    first = encoding.strip_mark(head).lstrip().split(b"\n", 1)[0].strip()
    return not first.startswith(b"[") and not (first in (b"{", b"") or b"\0" in first) and _whole(first)


def _whole(line: bytes) -> bool:
    return line.startswith(b"{") and (line.endswith(b"}") or len(line) > encoding.SAMPLE // 2)


class _Window:
    """As much of the text as the value that is being read needs, and little more."""

    def __init__(self, source: Source, charset: str, limit: int) -> None:
        self._source, self._limit = source, limit
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if charset == encoding.UTF8 else charset)()
        self._ended = False
        self.rest = ""

    @property
    def left(self) -> int:
        return len(self.rest)

    def values(self) -> Iterator[object]:
        """The members of the array, or the values one after the other. Raises ValueError where there is none."""
        inside = self._skip() and self.rest[0] == "["
        self.rest = self.rest[1:] if inside else self.rest
        at = 0
        while True:
            at = self._next(at)
            if at < 0 or (inside and self.rest[at] == "]"):
                return
            value, at = self._value(at)
            yield value

    def _value(self, at: int) -> tuple[object, int]:
        while True:
            try:
                value, end = _DECODER.raw_decode(self.rest, at)
                if end < len(self.rest) or self._ended:  # a number at the border may go on
                    return value, end
            except ValueError:
                if self._ended or self.left - at > self._limit:
                    raise
            self.rest, at = self.rest[at:], 0
            self._more(max(BLOCK, self.left))

    def _next(self, at: int) -> int:
        """Where the next value begins; -1 at the end of the text."""
        while True:
            while at < len(self.rest) and self.rest[at] in _BETWEEN:
                at += 1
            if at < len(self.rest):
                return at
            self.rest, at = "", 0
            if self._ended:
                return -1
            self._more(BLOCK)

    def _skip(self) -> bool:
        at = self._next(0)
        self.rest = self.rest[max(at, 0) :]
        return at >= 0

    def _more(self, size: int) -> None:
        blocks: list[str] = []
        while size > 0 and not self._ended:
            block = self._source.read(size)
            size -= len(block)
            self._ended = not block
            blocks.append(self._decoder.decode(block, self._ended))
        self.rest += "".join(blocks)
