"""Tables as text, values divided by commas or tabs, with a header line. A file stays whole: a value may hold newlines."""

import csv
from collections.abc import Iterator, Sequence
from typing import ClassVar

from workloads.corpus.reading.fields import pick
from workloads.corpus.reading.format import Format
from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import SAMPLE_CHARACTERS, Record, readable
from workloads.corpus.reading.source import Source
from workloads.corpus.reading.text_lines import INVALID, Line, Text, number_lines, open_text

NO_COLUMN = "no text column"


class Csv(Format):
    """Position: the number of the record's last line. Values may be quoted with `"`, doubled inside."""

    name: ClassVar[str] = "csv"
    endings: ClassVar[tuple[str, ...]] = ("csv",)
    divider: ClassVar[str] = ","

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        csv.field_size_limit(limits.line)
        lines = _Lines(open_text(source, piece), piece, limits)
        rows = csv.reader(lines, delimiter=self.divider)
        header: list[str] | None = None
        while True:
            try:
                row = next(rows)
            except StopIteration:
                break
            except csv.Error as error:
                lines.bad.append(Record(lines.number, str(error), problem="unreadable row"))
                rows = csv.reader(lines, delimiter=self.divider)
                continue
            yield from lines.taken_bad()
            if header is None and row:
                header = [name.strip() for name in row]
                if piece.file.text_field not in header:
                    yield Record(0, f"no column {piece.file.text_field!r} among {', '.join(header[:20])}", problem=NO_COLUMN)
                    return
            elif header is not None and row:
                yield _record(lines.number, header, row, piece)
        yield from lines.taken_bad()


class Tsv(Csv):
    """The same with tabs."""

    name, endings, divider = "tsv", ("tsv",), "\t"


def _record(number: int, header: Sequence[str], row: Sequence[str], piece: Piece) -> Record:
    if len(row) != len(header):
        sample = ",".join(row)[:SAMPLE_CHARACTERS]
        return Record(number, sample, problem=f"{'more' if len(row) > len(header) else 'fewer'} values than columns")
    return pick(number, dict(zip(header, row, strict=True)), piece.file)


class _Lines:
    """Decoded lines for the parser; those that cannot be given to it are kept as bad records."""

    def __init__(self, text: Text, piece: Piece, limits: Limits) -> None:
        self._charset, self._lines = text.charset, number_lines(text, piece, limits)
        self.number = 0
        self.bad: list[Record] = []

    def taken_bad(self) -> list[Record]:
        taken, self.bad = self.bad, []
        return taken

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number = line.number
            decoded = self._decoded(line)
            if decoded is not None:
                yield decoded

    def _decoded(self, line: Line) -> str | None:
        problem = line.problem
        if not problem:
            try:
                return line.data.decode(self._charset) + "\n"
            except UnicodeDecodeError:
                problem = INVALID
        self.bad.append(Record(line.number, readable(line.data), problem=problem))
        return None
