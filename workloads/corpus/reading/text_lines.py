"""The lines of a text file with their numbers, whatever its encoding, and the decoding of one of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from workloads.corpus.reading import encoding
from workloads.corpus.reading.lines import TOO_LONG, read_line_blocks
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import BadData, Record, readable
from workloads.corpus.reading.source import Readable, Source

INVALID = "invalid bytes"


@dataclass(frozen=True)
class Line:
    """A line by its number in the file; `charset` decodes `data`. A `problem` where it is none to be read."""

    number: int
    data: bytes
    problem: str = ""


@dataclass(frozen=True)
class Text:
    """A stream that is split at newline bytes, and the encoding of its lines."""

    stream: Readable
    charset: str


def open_text(source: Source, piece: Piece) -> Text:
    """Told by the file's beginning; a part of a file is given its encoding by the plan."""
    charset = piece.charset or encoding.detect(source.head(encoding.SAMPLE))
    if charset in (encoding.UTF16_LE, encoding.UTF16_BE):
        return Text(encoding.AsUtf8(source, charset), encoding.UTF8)
    return Text(source, charset)


def number_lines(text: Text, piece: Piece, limits: Limits) -> Iterator[Line]:
    """Every line; the last has a problem where the data breaks off."""
    first, length = piece.first, piece.stop - piece.start if piece.stop else None
    try:
        for block in read_line_blocks(text.stream, limits.line, length):
            for number, data in enumerate(block, first):
                if data is None:
                    yield Line(number, b"", TOO_LONG)
                else:
                    yield Line(number, encoding.strip_mark(data) if number == 1 else data)
            first += len(block)
    except BadData as bad:
        yield Line(first, bad.rest or bad.why.encode(), bad.problem)


def decode(number: int, data: bytes, charset: str) -> Record:
    """The bytes as a text, or as a bad record."""
    try:
        return Record(number, data.decode(charset))
    except UnicodeDecodeError:
        return Record(number, readable(data), problem=INVALID)


def decode_whole(source: Source, piece: Piece, limits: Limits) -> Record | None:
    """The whole file as the record at position 1; None where it holds nothing. BadData becomes a bad record."""
    try:
        text = open_text(source, piece)
        data = Source(text.stream).whole(limits.line)
    except BadData as bad:
        return bad.record(1)
    return decode(1, encoding.strip_mark(data), text.charset) if data else None
