"""Formats whose files are tables with typed columns: a row is a record. Not for how batches of rows are found in a file."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal

import pyarrow as pa

from workloads.corpus.reading.format import Format
from workloads.corpus.reading.formats.delimited import NO_COLUMN
from workloads.corpus.reading.piece import InputFile, Limits, Piece
from workloads.corpus.reading.record import Record
from workloads.corpus.reading.source import Source


class NoText(Exception):
    """The table has no column of text under the name asked for; says why."""


class Columns(Format):
    """Position: the row's number; a damaged file gives one problem where reading ended."""

    splittable: ClassVar[Literal["", "lines", "blocks"]] = "blocks"

    @abstractmethod
    def batches(self, source: Source, piece: Piece, limits: Limits) -> Iterator[pa.RecordBatch]:
        """The rows in order. Raises NoText, and ArrowException, OSError or ValueError where the file is damaged."""

    def read(self, source: Source, piece: Piece, limits: Limits) -> Iterator[Record]:
        if piece.file.size == 0:
            return
        number = piece.first - 1
        try:
            for batch in self.batches(source, piece, limits):
                for record in rows(batch, number + 1, piece.file):
                    number = record.position
                    yield record
        except NoText as none:
            yield Record(0, f"{piece.file.name}: {none}", problem=NO_COLUMN)
        except (pa.ArrowException, OSError, ValueError) as error:
            yield Record(number + 1, str(error), problem=f"unreadable {self.name}")


def require_text(schema: pa.Schema, field: str) -> None:
    """Raises NoText where a table with this schema gives no text."""
    if field not in schema.names:
        raise NoText(f"no column {field!r} among {', '.join(schema.names[:20])}")
    kind = schema.field(field).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise NoText(f"column {field!r} is {kind}, not text")


def rows(batch: pa.RecordBatch, first: int, file: InputFile) -> Iterator[Record]:
    """One record per row, numbered from `first`. Raises ArrowInvalid or ValueError where the bytes are no text."""
    texts = batch.column(file.text_field).cast(pa.large_string()).to_pylist()
    others = (_values(batch, each) for each in wanted(file)[1:])
    for number, (text, source, date, score) in enumerate(zip(texts, *others, strict=True), first):
        problem = "text is no string" if text is None else ""
        yield Record(number, text or "", source if isinstance(source, str) else "", problem, date, score)


def wanted(file: InputFile) -> tuple[str, str, str, str]:
    """The columns that are read where they are there; the text's is."""
    return file.text_field, file.source_field, file.date_field, file.score_field


def _values(batch: pa.RecordBatch, column: str) -> list[object]:
    return list(batch.column(column).to_pylist()) if column in batch.schema.names else [None] * batch.num_rows
