"""Plain text: a file is one document, or blank lines divide documents."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.lines import TOO_LONG
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import Record, readable
from workloads.corpus.reading.source import Source
from workloads.corpus.reading.text_lines import Line, Text, decode, decode_whole, number_lines, open_text


class Txt(Format):
    """Position: 1, or the number of the document's first line where blank lines divide."""

    name, endings = "txt", ("txt",)
    splittable: ClassVar[Literal["", "lines", "blocks"]] = "lines"
    one_document = True

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        if piece.file.blank_lines:
            yield from _paragraphs(open_text(source, piece), piece, limits)
        elif record := decode_whole(source, piece, limits):
            yield record


def _paragraphs(text: Text, piece: Piece, limits: Limits) -> Iterator[Record]:
    held: list[Line] = []
    size = 0
    for line in number_lines(text, piece, limits):
        if line.problem and line.problem != TOO_LONG:
            yield Record(held[0].number if held else line.number, _sample(held, line), problem=line.problem)
            return
        if line.problem or (line.data and not line.data.isspace()):
            size += limits.line + 2 if line.problem else len(line.data) + 1
            held = [*held[:1], line] if size > limits.line else _append(held, line)
        elif held:
            yield _document(held, size, text, limits)
            held, size = [], 0
    if held:
        yield _document(held, size, text, limits)


def _append(held: list[Line], line: Line) -> list[Line]:
    held.append(line)
    return held


def _document(held: list[Line], size: int, text: Text, limits: Limits) -> Record:
    number = held[0].number
    if size > limits.line + 1:  # the last newline does not count
        return Record(number, readable(held[0].data), problem=TOO_LONG)
    return decode(number, b"\n".join(line.data for line in held), text.charset)


def _sample(held: list[Line], line: Line) -> str:
    return readable(b"\n".join([*(each.data for each in held[:20]), line.data]))
