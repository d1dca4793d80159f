"""JSON lines: one record a line, each good or bad by itself."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import orjson

from workloads.corpus.reading.encoding import UTF8
from workloads.corpus.reading.fields import pick
from workloads.corpus.reading.format import Format
from workloads.corpus.reading.piece import InputFile, Limits, Piece
from workloads.corpus.reading.record import Record, readable
from workloads.corpus.reading.source import Source
from workloads.corpus.reading.text_lines import INVALID, number_lines, open_text

NOT_JSON = "not JSON"


class Jsonl(Format):
    """Position: the line's number."""

    name, endings = "jsonl", ("jsonl", "ndjson")
    splittable: ClassVar[Literal["", "lines", "blocks"]] = "lines"

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        text = open_text(source, piece)
        for line in number_lines(text, piece, limits):
            if line.problem:
                yield Record(line.number, readable(line.data), problem=line.problem)
            elif line.data and not line.data.isspace():
                yield _record(line.number, line.data, text.charset, piece.file)


def _record(number: int, line: bytes, charset: str, file: InputFile) -> Record:
    try:
        value = _value(line, charset)
    except UnicodeDecodeError:
        return Record(number, readable(line), problem=INVALID)
    except (ValueError, RecursionError):
        return Record(number, readable(line), problem=NOT_JSON)
    record = pick(number, value, file)
    return record if not record.problem else replace(record, text=readable(line))


def _value(line: bytes, charset: str) -> object:
    """By orjson; what it refuses, such as NaN and halves of surrogate pairs, by the standard library."""
    text = line if charset == UTF8 else line.decode(charset)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(line.decode(charset))
