"""One piece of input to tables of records: documents with id and normalised text, and bad records with the reason.

A bad record never raises: it becomes a row with a `problem`, its file and its position. No Ray here.
"""

import hashlib
from collections.abc import Iterator

import pyarrow as pa

from workloads.corpus.reading.piece import Limits, Piece
from workloads.corpus.reading.record import SAMPLE_CHARACTERS
from workloads.corpus.reading.records import Found, read_records
from workloads.corpus.tables import READ, row_number, to_table
from workloads.text.normalise import normalise
from workloads.text.repair import repair

_TABLE_CHARACTERS = 1 << 20


def document_id(source: str, text: str) -> str:
    """20 hexadecimal digits (80 bits) of the SHA-256 of source and text as read, so the same in every run."""
    return hashlib.sha256(f"{source}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read_piece(piece: Piece, limits: Limits) -> Iterator[pa.Table]:
    """The piece's records as tables (columns READ) of about a million characters."""
    rows: list[tuple[object, ...]] = []
    characters = 0
    for found in read_records(piece, limits):
        rows.append(_row(piece, found))
        characters += len(found.record.text)
        if characters >= _TABLE_CHARACTERS:
            yield to_table(rows, READ)
            rows, characters = [], 0
    yield to_table(rows, READ)


def _row(piece: Piece, found: Found) -> tuple[object, ...]:
    file, record = found.file, found.record
    number = row_number(piece.index, found.row)
    if record.problem:
        sample = normalise(record.text[:SAMPLE_CHARACTERS])
        return number, "", "", file.name, record.position, sample, 0, record.problem, 0
    source = file.source if file.fixed_source or not record.source else record.source
    text, repaired = repair(record.text)
    identity = document_id(source, record.text)
    return number, identity, source, file.name, record.position, normalise(text), len(record.text), "", repaired
