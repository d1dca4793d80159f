"""One piece of input to tables of records: documents with id and normalised text, and bad records with the reason.

A bad record never raises: it becomes a row with a `problem`, its file and its position. No Ray here.
"""

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from workloads.corpus.plan import Piece
from workloads.corpus.records import SAMPLE_CHARACTERS, Record, read_records
from workloads.corpus.tables import READ, row_number, to_table
from workloads.text.normalise import normalise_all

_TABLE_CHARACTERS = 1 << 20


def document_id(source: str, text: str) -> str:
    """20 hexadecimal digits (80 bits) of the SHA-256 of source and text as read, so the same in every run."""
    return hashlib.sha256(f"{source}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read_piece(piece: Piece, limit: int) -> Iterator[pa.Table]:
    """The piece's records as tables (columns READ) of about a million characters."""
    records: list[Record] = []
    characters = seen = 0
    for record in read_records(piece, limit):
        records.append(record)
        characters += len(record.text)
        seen += 1
        if characters >= _TABLE_CHARACTERS:
            yield _table(piece, records)
            records, characters = [], 0
    if not seen and not piece.start:
        records.append(Record(0, piece.file.name, problem="empty file"))
    yield _table(piece, records)


def _table(piece: Piece, records: Sequence[Record]) -> pa.Table:
    table = to_table([_row(piece, record) for record in records], READ.remove(READ.get_field_index("text")))
    texts = normalise_all([record.text[: SAMPLE_CHARACTERS if record.problem else None] for record in records])
    return table.append_column("text", texts.to_arrow()).select(READ.names).cast(READ)


def _row(piece: Piece, record: Record) -> tuple[object, ...]:
    name, number = piece.file.name, row_number(piece.index, record.position)
    if record.problem:
        return number, "", "", name, record.position, 0, record.problem
    source = piece.file.source if piece.file.fixed_source or not record.source else record.source
    return number, document_id(source, record.text), source, name, record.position, len(record.text), ""
