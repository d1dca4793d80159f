"""One piece of input to tables of records: documents with id and normalised text, and bad records with the reason.

A bad record never raises: it becomes a row with a `problem`, its file and its position. No Ray here.
"""

import hashlib
from collections.abc import Iterator

import pyarrow as pa

from workloads.corpus.measures import UNKNOWN, score_of, seconds_of
from workloads.corpus.plan import Piece
from workloads.corpus.records import SAMPLE_CHARACTERS, Record, read_records
from workloads.corpus.tables import READ, row_number, to_table
from workloads.text.normalise import normalise

_TABLE_CHARACTERS = 1 << 20


def document_id(source: str, text: str) -> str:
    """20 hexadecimal digits (80 bits) of the SHA-256 of source and text as read, so the same in every run."""
    return hashlib.sha256(f"{source}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read_piece(piece: Piece, limit: int) -> Iterator[pa.Table]:
    """The piece's records as tables (columns READ) of about a million characters."""
    rows: list[tuple[object, ...]] = []
    characters = seen = 0
    for record in read_records(piece, limit):
        rows.append(_row(piece, record))
        characters += len(record.text)
        seen += 1
        if characters >= _TABLE_CHARACTERS:
            yield to_table(rows, READ)
            rows, characters = [], 0
    if not seen and not piece.start:
        rows.append(_row(piece, Record(0, piece.file.name, problem="empty file")))
    yield to_table(rows, READ)


def _row(piece: Piece, record: Record) -> tuple[object, ...]:
    name, number = piece.file.name, row_number(piece.index, record.position)
    if record.problem:
        sample = normalise(record.text[:SAMPLE_CHARACTERS])
        return number, "", "", name, record.position, sample, 0, record.problem, UNKNOWN, UNKNOWN
    source = piece.file.source if piece.file.fixed_source or not record.source else record.source
    identity = document_id(source, record.text)
    measures = seconds_of(record.date), score_of(record.score)
    return number, identity, source, name, record.position, normalise(record.text), len(record.text), "", *measures
